package serve

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

// LogConfig is the part of a program's configuration that says what is logged.
type LogConfig struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // auto, json, text; auto is text on a terminal
}

// NewLogger logs to out. The level can be changed while the program runs.
func NewLogger(cfg LogConfig, out io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, nil, fmt.Errorf("log level %q is not debug, info, warn or error", cfg.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.Format {
	case "json":
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), level, nil
	case "auto":
		if terminal(out) {
			return slog.New(slog.NewTextHandler(out, options)), level, nil
		}
	default:
		return nil, nil, fmt.Errorf("log format %q is not auto, json or text", cfg.Format)
	}
	return slog.New(slog.NewJSONHandler(out, options)), level, nil
}

func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
