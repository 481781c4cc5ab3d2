package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres is a PostgreSQL server of our own: its cluster in the row's folder,
// reached by a Unix socket only, ended with the row.
type postgres struct {
	*program
	bin     string // folder of its programs
	sockets string // folder of its socket
	about   string // version and settings, as the server itself tells them
}

// tuned is what differs from the server as shipped: memory and room for its log,
// so that neither bounds it. What makes a commit durable stays on, and is read
// back.
var tuned = []string{"shared_buffers=1GB", "max_wal_size=8GB", "fsync=on", "synchronous_commit=on", "full_page_writes=on", "listen_addresses="}

// told are the settings that the report shows.
var told = []string{"fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "max_wal_size"}

// startPostgres installs PostgreSQL if it is missing and starts a fresh cluster
// on the disk that is measured.
func (b *Bench) startPostgres(ctx context.Context) (*postgres, error) {
	bin, err := b.findPostgres(ctx)
	if err != nil {
		return nil, err
	}
	as, err := runAs("postgres")
	if err != nil {
		return nil, err
	}
	dir := b.folder("postgres")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	// The name of a Unix socket has at most 107 bytes, so it cannot be in a deep folder.
	sockets, err := os.MkdirTemp("", "pg-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL's socket: %w", err)
	}
	b.cleanups = append(b.cleanups, func() { _ = os.RemoveAll(sockets) })
	if as != nil {
		if err := os.Chown(sockets, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			return nil, fmt.Errorf("give PostgreSQL the folder of its socket: %w", err)
		}
	}
	if err := give(dir, as); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	b.say("initdb: a fresh PostgreSQL cluster")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust", "--locale", "C", "--encoding", "UTF8")
	initdb.Dir, initdb.SysProcAttr = dir, as
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %.800s", err, out)
	}
	p := &postgres{bin: bin, sockets: sockets}
	if p.program, err = b.launchPostgres(p, data, as); err != nil {
		return nil, err
	}
	return p, p.ready(ctx)
}

func (b *Bench) launchPostgres(p *postgres, data string, as *syscall.SysProcAttr) (*program, error) {
	args := []string{"-D", data, "-k", p.sockets}
	for _, setting := range tuned {
		args = append(args, "-c", setting)
	}
	command := exec.Command(filepath.Join(p.bin, "postgres"), args...)
	command.Dir, command.SysProcAttr = filepath.Dir(data), as
	return b.launch("postgres", command)
}

// findPostgres answers the folder with the newest PostgreSQL's programs.
func (b *Bench) findPostgres(ctx context.Context) (string, error) {
	if bin := newestPostgres(); bin != "" {
		return bin, nil
	}
	b.say("PostgreSQL is missing: installing Debian's package")
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", "postgresql"}} {
		install := exec.CommandContext(ctx, "apt-get", args...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		install.Stdout, install.Stderr = b.options.Progress, b.options.Progress
		if err := install.Run(); err != nil {
			return "", fmt.Errorf("install PostgreSQL: apt-get %s: %w", strings.Join(args, " "), err)
		}
	}
	if bin := newestPostgres(); bin != "" {
		return bin, nil
	}
	return "", errors.New("PostgreSQL was installed, and its initdb, postgres, psql and pgbench are not all there")
}

// newestPostgres looks where Debian puts the programs, then in PATH.
func newestPostgres() string {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return majorOf(b) - majorOf(a) })
	if found, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(found))
	}
	for _, folder := range folders {
		missing := false
		for _, name := range []string{"initdb", "postgres", "psql", "pgbench"} {
			_, err := os.Stat(filepath.Join(folder, name))
			missing = missing || err != nil
		}
		if !missing {
			return folder
		}
	}
	return ""
}

func majorOf(bin string) int {
	major, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return major
}

// ready waits until the server answers, and reads its settings back.
func (p *postgres) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if _, err := p.ask(ctx, "SELECT 1"); err == nil {
			break
		}
		select {
		case <-p.exited:
			return fmt.Errorf("PostgreSQL ended while starting: %s", p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL was not ready in time: %s", p.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
	version, err := p.ask(ctx, "SHOW server_version")
	if err != nil {
		return err
	}
	number, _, _ := strings.Cut(version, " ")
	settings := []string{"PostgreSQL " + number + ", one node, Unix socket"}
	for _, name := range told {
		value, err := p.ask(ctx, "SHOW "+name)
		if err != nil {
			return err
		}
		if slices.Contains(tuned, name+"=on") && value != "on" {
			return fmt.Errorf("PostgreSQL has %s %s: its figures would be those of another promise", name, value)
		}
		settings = append(settings, name+" "+value)
	}
	p.about = strings.Join(settings, ", ")
	return nil
}

// ask runs SQL text, each statement in its own transaction, and answers what it
// printed, unaligned and without headers.
func (p *postgres) ask(ctx context.Context, statements ...string) (string, error) {
	args := []string{"-h", p.sockets, "-U", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	psql := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), args...)
	psql.Dir = p.sockets
	var failed strings.Builder
	psql.Stderr = &failed
	out, err := psql.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %.500s", err, failed.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// count asks for one whole number.
func (p *postgres) count(ctx context.Context, query string) (int, error) {
	text, err := p.ask(ctx, query)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	return n, nil
}
