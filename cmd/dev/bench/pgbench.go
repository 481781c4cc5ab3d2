package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// load is one run of pgbench: its own script for each transaction.
type load struct {
	name    string // of its files
	script  string
	clients int
	before  []string // SQL that rebuilds the tables, not measured
	count   string   // SQL that counts what the transactions left behind
}

// pgbenchThreads drive the clients: more than CPUs would only add switches.
const pgbenchThreads = 2

// press runs a load and notes rate and latencies, as crowd.press does for ours.
// Afterwards the tables must hold exactly what was answered, and what the run
// left to be written is written, so that it does not weigh on the next leg.
func (p *postgres) press(ctx context.Context, b *Bench, l *load, ph *phase, each time.Duration) error {
	if _, err := p.ask(ctx, l.before...); err != nil {
		return err
	}
	script := b.folder(l.name + ".sql")
	if err := os.WriteFile(script, []byte(l.script), 0o644); err != nil {
		return fmt.Errorf("write the script of pgbench: %w", err)
	}
	prefix := b.folder(l.name + "-log")
	defer removeAll(prefix + ".*")
	pgbench := exec.CommandContext(ctx, filepath.Join(p.bin, "pgbench"), "-h", p.sockets, "-U", "postgres", "--no-vacuum", "--protocol", "prepared",
		"--client", strconv.Itoa(l.clients), "--jobs", strconv.Itoa(min(pgbenchThreads, l.clients)), "--time", strconv.Itoa(max(1, int(each.Seconds()))),
		"--file", script, "--log", "--log-prefix", prefix, "postgres")
	pgbench.Dir = b.dir
	var failed strings.Builder
	pgbench.Stderr = &failed
	out, err := pgbench.Output()
	if err != nil {
		return fmt.Errorf("pgbench: %w: %.800s", err, failed.String())
	}
	summary, err := readSummary(string(out))
	if err != nil {
		return err
	}
	took, err := readLogs(prefix)
	if err != nil {
		return err
	}
	left, err := p.count(ctx, l.count)
	if err != nil {
		return err
	}
	if left != summary.transactions || len(took) != left {
		return fmt.Errorf("pgbench answered %d transactions and logged %d, and the tables hold %d", summary.transactions, len(took), left)
	}
	ph.rates, ph.p50, ph.p99 = append(ph.rates, summary.rate), append(ph.p50, percentile(took, 50)), append(ph.p99, percentile(took, 99))
	_, err = p.ask(ctx, "CHECKPOINT")
	return err
}

// summary is what pgbench says at its end.
type summary struct {
	transactions int
	rate         float64 // a second, without the time that connecting took
}

// readSummary reads pgbench's report. A transaction that failed makes the whole
// run worthless: the peer's scripts have none that may.
func readSummary(text string) (s summary, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "number of transactions actually processed: "); ok {
			count, _, _ := strings.Cut(rest, "/")
			s.transactions, err = strconv.Atoi(count)
		}
		if rest, ok := strings.CutPrefix(line, "number of failed transactions: "); ok && !strings.HasPrefix(rest, "0 ") {
			return s, fmt.Errorf("pgbench: failed transactions: %s", rest)
		}
		if rest, ok := strings.CutPrefix(line, "tps = "); ok {
			rate, _, _ := strings.Cut(rest, " ")
			s.rate, err = strconv.ParseFloat(rate, 64)
		}
		if err != nil {
			return s, fmt.Errorf("read pgbench's %q: %w", line, err)
		}
	}
	if s.transactions == 0 || s.rate == 0 {
		return s, fmt.Errorf("pgbench did nothing: %.800s", text)
	}
	return s, nil
}

// readLogs reads every thread's log of a run: how long each transaction took, ms.
func readLogs(prefix string) (took []float64, err error) {
	files, err := filepath.Glob(prefix + ".*")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: %w", err)
		}
		took, err = readLog(file, took)
		if err := file.Close(); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: %w", err)
		}
	}
	return took, nil
}

// readLog reads lines of client, transaction, time in µs, script, and when it ended.
func readLog(r io.Reader, took []float64) ([]float64, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 6 {
			return nil, fmt.Errorf("%q has too few fields", lines.Text())
		}
		us, err := strconv.ParseFloat(words[2], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		took = append(took, us/1000)
	}
	return took, lines.Err()
}

func removeAll(pattern string) {
	files, _ := filepath.Glob(pattern)
	for _, file := range files {
		_ = os.Remove(file)
	}
}
