package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// votes is the little that a node must never forget: its term, and whom it
// voted for in which term. The library's main goroutine owns it.
type votes struct {
	db   *bbolt.DB
	fuse *fuse
	term []byte // of a vote whose candidate has yet to come
}

const (
	votesFile   = "votes.db"
	voteTermKey = "LastVoteTerm"
	voteForKey  = "LastVoteCand"
	lockPatient = 2 * time.Second
)

var voteBucket = []byte("votes")

// errNoValue has the text that the library compares with.
var errNoValue = errors.New("not found")

// openVotes also locks the folder: no two processes run on one.
func openVotes(dir string, f *fuse) (*votes, error) {
	db, err := bbolt.Open(filepath.Join(dir, votesFile), 0o600, &bbolt.Options{Timeout: lockPatient})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %s: another process runs on this folder: stop it first", votesFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", votesFile, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(voteBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", votesFile, err), db.Close())
	}
	return &votes{db: db, fuse: f}, nil
}

// SetUint64 writes one number. The term of a vote waits for its candidate: with
// one on disk and not the other, a node that restarts would grant a second vote
// without comparing logs.
func (v *votes) SetUint64(key []byte, value uint64) error {
	number := binary.BigEndian.AppendUint64(nil, value)
	if string(key) == voteTermKey {
		v.term = number
		return nil
	}
	return v.put(map[string][]byte{string(key): number})
}

// Set writes one value, and a vote whole.
func (v *votes) Set(key, value []byte) error {
	values := map[string][]byte{string(key): value}
	if string(key) == voteForKey && v.term != nil {
		values[voteTermKey] = v.term
	}
	if err := v.put(values); err != nil {
		return err
	}
	if string(key) == voteForKey {
		v.term = nil
	}
	return nil
}

// put writes values in one transaction, each with a CRC-32C behind it.
func (v *votes) put(values map[string][]byte) error {
	err := v.db.Update(func(tx *bbolt.Tx) error {
		for key, value := range values {
			summed := binary.BigEndian.AppendUint32(append([]byte(nil), value...), crc32.Checksum(value, castagnoli))
			if err := tx.Bucket(voteBucket).Put([]byte(key), summed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return v.fuse.blow(fmt.Errorf("write term or vote: %w", err))
	}
	return nil
}

// Get reads one value.
func (v *votes) Get(key []byte) (value []byte, err error) {
	err = v.db.View(func(tx *bbolt.Tx) error {
		summed := tx.Bucket(voteBucket).Get(key)
		if summed == nil {
			return errNoValue
		}
		n := len(summed) - crc32.Size
		if n < 0 || crc32.Checksum(summed[:n], castagnoli) != binary.BigEndian.Uint32(summed[n:]) {
			return v.fuse.blow(fmt.Errorf("read %s in %s: %w", key, votesFile, errSum))
		}
		value = append([]byte{}, summed[:n]...)
		return nil
	})
	return value, err
}

// GetUint64 reads one number.
func (v *votes) GetUint64(key []byte) (uint64, error) {
	value, err := v.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, v.fuse.blow(fmt.Errorf("read %s in %s: %d bytes are not a number", key, votesFile, len(value)))
	}
	return binary.BigEndian.Uint64(value), nil
}

func (v *votes) Close() error { return v.db.Close() }
