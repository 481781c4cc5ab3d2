package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Role is which of the two programs is installed.
type Role string

const (
	Agent Role = "agent"
	Hub   Role = "hub"
)

// Options say what is installed and where. Only Role and Program are always
// needed; an agent also needs its Location and at least one hub.
type Options struct {
	Role Role
	// Prefix is the folder that stands for the machine's root; empty is /, the
	// machine itself.
	Prefix string
	// Program is the executable to copy from, outside the prefix.
	Program string
	// Location is the code of the store that an agent sells for.
	Location string
	// Hubs are the addresses, host:port, that an agent tries in turn.
	Hubs []string
	// Listen is the address that tills or hub clients call; empty is the role's
	// port on the loopback interface.
	Listen string
	// DataDir is where the ledger or the log is kept; empty is the role's folder
	// in /var/lib.
	DataDir string
	// Exec runs useradd, chown and systemctl; nil runs them for real.
	Exec Exec
}

const (
	// maxLocation is the length of a location code, as everywhere in Shelfsync.
	maxLocation = 64
	// maxHubs bounds the addresses that an agent tries: more only make finding a
	// wrong one slower.
	maxHubs = 16
)

// defaults are what differs between the roles.
var defaults = map[Role]struct{ listen, raftListen, memory, files string }{
	// An agent shares its machine with a till; it must never starve it.
	Agent: {listen: "127.0.0.1:7410", memory: "512M", files: "8192"},
	// A hub holds a connection for each store and client.
	Hub: {listen: "127.0.0.1:7420", raftListen: "127.0.0.1:7421", memory: "75%", files: "65536"},
}

// complete fills in the role's defaults, and checks what every plan needs.
func (o Options) complete() (Options, error) {
	role, ok := defaults[o.Role]
	if !ok {
		return o, fmt.Errorf("role %q: it is agent or hub", string(o.Role))
	}
	if o.Prefix == "" {
		o.Prefix = "/"
	}
	if o.Listen == "" {
		o.Listen = role.listen
	}
	if o.DataDir == "" {
		o.DataDir = "/var/lib/" + o.name()
	}
	if o.Exec == nil {
		o.Exec = runProgram
	}
	o.Prefix = filepath.Clean(o.Prefix)
	return o, errors.Join(o.checkPrefix(), checkDataDir(o.DataDir))
}

func (o Options) checkPrefix() error {
	if !filepath.IsAbs(o.Prefix) {
		return fmt.Errorf("prefix %q: it must be an absolute path", o.Prefix)
	}
	return nil
}

// checkContent checks what an installation writes down.
func (o Options) checkContent() error {
	return errors.Join(checkProgram(o.Program), o.checkStore(), checkAddress("listen", o.Listen))
}

func checkProgram(path string) error {
	if path == "" {
		return errors.New("no program given: name the executable to install")
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return fmt.Errorf("program %q: not a path", path)
	}
	return nil
}

func (o Options) checkStore() error {
	if o.Role == Hub {
		if o.Location != "" || len(o.Hubs) > 0 {
			return errors.New("a hub takes no location and no hub addresses: those are an agent's")
		}
		return nil
	}
	faults := []error{checkLocation(o.Location)}
	if len(o.Hubs) == 0 || len(o.Hubs) > maxHubs {
		faults = append(faults, fmt.Errorf("%d hub addresses: give 1 to %d, as host:port", len(o.Hubs), maxHubs))
	}
	for _, hub := range o.Hubs {
		faults = append(faults, checkAddress("hub address", hub))
	}
	return errors.Join(faults...)
}

func checkLocation(code string) error {
	unprintable := strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsPrint(r) })
	if n := utf8.RuneCountInString(code); n < 1 || n > maxLocation || unprintable || !utf8.ValidString(code) {
		return fmt.Errorf("location %q: a location code has 1 to %d printable characters", code, maxLocation)
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

func checkAddress(what, address string) error {
	wrong := func(why string) error { return fmt.Errorf("%s %q: %s; write it as host:port", what, address, why) }
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return wrong("it is not host:port")
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return wrong("the port is a number from 1 to 65535")
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		return nil
	}
	if !hostName.MatchString(host) || len(host) > 253 {
		return wrong("the host is neither a name nor an IP address")
	}
	return nil
}

// plainPath is what may stand in a unit file without quoting.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)

// hidden are the folders that the unit does not let the service see, or that do
// not survive a restart.
var hidden = []string{"/home", "/root", "/run", "/tmp", "/var/tmp", "/proc", "/sys", "/dev"}

func checkDataDir(dir string) error {
	if !plainPath.MatchString(dir) || filepath.Clean(dir) != dir {
		return fmt.Errorf("data folder %q: it must be an absolute path of letters, digits, dots, dashes and underscores", dir)
	}
	for _, above := range hidden {
		if dir == above || strings.HasPrefix(dir, above+"/") {
			return fmt.Errorf("data folder %q: the service cannot keep data in %s; choose a folder such as /var/lib/shelfsync", dir, above)
		}
	}
	return nil
}

// name is that of the program, its unit and its data folder.
func (o Options) name() string { return "shelfsync-" + string(o.Role) }

// live reports whether the plan is for the machine itself.
func (o Options) live() bool { return filepath.Clean("/"+o.Prefix) == "/" }

// at is where a path of the installed machine stands below the prefix.
func (o Options) at(path string) string { return filepath.Join(o.Prefix, path) }

// inside refuses a path that a symbolic link leads out of the prefix.
func (o Options) inside(path string) error {
	if path == "" || o.live() {
		return nil
	}
	prefix, err := filepath.EvalSymlinks(o.Prefix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("follow the prefix: %w", err)
	}
	if prefix == "/" {
		return fmt.Errorf("prefix %s leads to the machine's own root: give no prefix to change this machine", o.Prefix)
	}
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			if real == prefix || strings.HasPrefix(real, prefix+"/") {
				return nil
			}
			return fmt.Errorf("%s leads out of the prefix to %s: remove that link first", path, real)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("follow %s: %w", path, err)
		}
		path = filepath.Dir(path)
	}
}
