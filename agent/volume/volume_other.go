//go:build !linux

package volume

import "errors"

// Refuse cannot tell here what a folder is on.
func Refuse(string) error { return nil }

func reserve(string, int64) error { return errors.ErrUnsupported }
