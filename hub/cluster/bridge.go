package cluster

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// bridge lets the library log through the program's logger.
type bridge struct {
	to   *slog.Logger
	name string
	with []any
}

func newBridge(to *slog.Logger) *bridge { return &bridge{to: to, name: "raft"} }

var levels = map[hclog.Level]slog.Level{hclog.Trace: slog.LevelDebug, hclog.Debug: slog.LevelDebug, hclog.Info: slog.LevelInfo,
	hclog.Warn: slog.LevelWarn, hclog.Error: slog.LevelError}

// Log writes one record; the library's info is our debug, for it speaks of
// itself, not of stock.
func (b *bridge) Log(level hclog.Level, message string, args ...any) {
	to := levels[level]
	if to == slog.LevelInfo {
		to = slog.LevelDebug
	}
	args = append([]any(nil), args...) // the caller keeps its own
	for i, arg := range args {
		switch of := arg.(type) {
		case hclog.Format:
			if len(of) > 0 {
				args[i] = fmt.Sprintf(fmt.Sprint(of[0]), of[1:]...)
			}
		case fmt.Stringer:
			args[i] = of.String()
		}
	}
	b.to.Log(context.Background(), to, message, append([]any{"component", b.name}, args...)...)
}

// The rest is hclog.Logger's long form of the same.

func (b *bridge) Trace(message string, args ...any) { b.Log(hclog.Trace, message, args...) }
func (b *bridge) Debug(message string, args ...any) { b.Log(hclog.Debug, message, args...) }
func (b *bridge) Info(message string, args ...any)  { b.Log(hclog.Info, message, args...) }
func (b *bridge) Warn(message string, args ...any)  { b.Log(hclog.Warn, message, args...) }
func (b *bridge) Error(message string, args ...any) { b.Log(hclog.Error, message, args...) }

func (b *bridge) IsTrace() bool { return b.enabled(slog.LevelDebug) }
func (b *bridge) IsDebug() bool { return b.enabled(slog.LevelDebug) }
func (b *bridge) IsInfo() bool  { return b.enabled(slog.LevelDebug) }
func (b *bridge) IsWarn() bool  { return b.enabled(slog.LevelWarn) }
func (b *bridge) IsError() bool { return b.enabled(slog.LevelError) }

func (b *bridge) enabled(level slog.Level) bool { return b.to.Enabled(context.Background(), level) }

func (b *bridge) ImpliedArgs() []any { return b.with }

// With adds values to every record.
func (b *bridge) With(args ...any) hclog.Logger {
	return &bridge{b.to.With(args...), b.name, append(append([]any(nil), b.with...), args...)}
}

func (b *bridge) Name() string { return b.name }

// Named adds to the component's name.
func (b *bridge) Named(name string) hclog.Logger { return b.ResetNamed(b.name + "." + name) }

// ResetNamed replaces the component's name.
func (b *bridge) ResetNamed(name string) hclog.Logger { return &bridge{b.to, name, b.with} }

func (b *bridge) SetLevel(hclog.Level) {}

// GetLevel is the level the program logs at.
func (b *bridge) GetLevel() hclog.Level {
	if b.IsDebug() {
		return hclog.Debug
	}
	return hclog.Warn
}

// StandardLogger is for libraries below the library.
func (b *bridge) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(b.to.Handler(), slog.LevelWarn)
}

// StandardWriter drops what is not said through Log.
func (b *bridge) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return io.Discard }
