package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A user is the system account that the service runs as.
type user struct {
	name string
	exec Exec
}

func (s user) place() string { return "" }
func (s user) String() string {
	return fmt.Sprintf("account %s, of the system, without a login", s.name)
}

func (s user) check(ctx context.Context) (bool, string) {
	if _, err := s.exec(ctx, "getent", "passwd", s.name); err != nil {
		return false, "missing"
	}
	return true, "as planned"
}

func (s user) apply(ctx context.Context) (string, error) {
	_, err := s.exec(ctx, "useradd", "--system", "--user-group", "--no-create-home",
		"--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", s.name)
	return "made", err
}

// A command is a call of systemctl that is made when asking systemd, or the
// files, shows that it is needed.
type command struct {
	args   []string
	why    string
	exec   Exec
	needed func(ask asker) (why string)
}

// An asker answers one question to systemctl: what it printed, whatever its exit
// code, which only repeats the word.
type asker func(args ...string) string

func (s command) place() string  { return "" }
func (s command) String() string { return fmt.Sprintf("run %s: %s", strings.Join(s.args, " "), s.why) }

func (s command) check(ctx context.Context) (bool, string) {
	ask := func(args ...string) string {
		text, _ := s.exec(ctx, append([]string{"systemctl"}, args...)...)
		return text
	}
	if why := s.needed(ask); why != "" {
		return false, why
	}
	return true, "as planned"
}

func (s command) apply(ctx context.Context) (string, error) {
	_, err := s.exec(ctx, s.args...)
	return "done", err
}

func (o Options) systemctl(why string, needed func(asker) string, args ...string) command {
	return command{args: append([]string{"systemctl"}, args...), why: why, exec: o.Exec, needed: needed}
}

func (o Options) reload() command {
	return o.systemctl("read the unit", func(ask asker) string {
		if ask("show", "-p", "LoadState", "--value", o.name()) != "loaded" {
			return "systemd does not know the unit"
		}
		if ask("show", "-p", "NeedDaemonReload", "--value", o.name()) != "no" {
			return "the unit changed since systemd read it"
		}
		return ""
	}, "daemon-reload")
}

func (o Options) enable() command {
	return o.systemctl("start it with the machine", func(ask asker) string {
		if state := ask("is-enabled", o.name()); state != "enabled" {
			return "the service is " + state
		}
		return ""
	}, "enable", o.name())
}

// restart starts the service, and starts it again when a file it was started
// from changed since: also when an installation ended between the two.
func (o Options) restart() command {
	return o.systemctl("start it now, or again after a change", func(ask asker) string {
		if state := ask("is-active", o.name()); state != "active" {
			return "the service is " + state
		}
		started, err := parseUnix(ask("show", "-p", "ActiveEnterTimestamp", "--value", "--timestamp=unix", o.name()))
		if err != nil {
			return "when the service started is unknown: " + err.Error()
		}
		for _, path := range []string{o.programPath(), o.configPath(), o.unitPath()} {
			info, err := os.Stat(o.at(path))
			if err != nil {
				return err.Error()
			}
			// systemd answers in whole seconds.
			if info.ModTime().Truncate(time.Second).After(started) {
				return path + " changed since the service started"
			}
		}
		return ""
	}, "restart", o.name())
}

func (o Options) disable() command {
	return o.systemctl("stop it, and do not start it again", func(ask asker) string {
		enabled, active := ask("is-enabled", o.name()), ask("is-active", o.name())
		if enabled == "enabled" || active == "active" || active == "activating" {
			return fmt.Sprintf("the service is %s and %s", enabled, active)
		}
		return ""
	}, "disable", "--now", o.name())
}

func (o Options) forget() command {
	return o.systemctl("forget the unit", func(ask asker) string {
		if state := ask("show", "-p", "LoadState", "--value", o.name()); state != "not-found" {
			return "systemd still knows the unit: " + state
		}
		return ""
	}, "daemon-reload")
}

// parseUnix reads a time as systemctl writes it: @ and seconds.
func parseUnix(text string) (time.Time, error) {
	digits, ok := strings.CutPrefix(text, "@")
	if !ok {
		return time.Time{}, errors.New("systemctl answered " + strconv.Quote(text))
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(seconds, 0), nil
}

// leftOut is a step that a plan below a prefix shows and does not take.
type leftOut struct{ Step }

func (s leftOut) place() string                         { return "" }
func (s leftOut) String() string                        { return s.Step.String() + " (left out below a prefix)" }
func (s leftOut) check(context.Context) (bool, string)  { return true, "left out" }
func (s leftOut) apply(context.Context) (string, error) { return "left out", nil }
