package attack

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// slack is how many goroutines and files more than at rest are no leak: the
// connections that our own clients keep. Each flood opens hundreds.
const slack = 60

// tasksNow is how many goroutines and open files a program has.
func (p *program) tasksNow(ctx context.Context) (tasks float64, err error) {
	text, err := getText(ctx, p.address, "/metrics")
	if err != nil {
		return 0, err
	}
	found := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 2 && (words[0] == "go_goroutines" || words[0] == "process_open_fds") {
			n, err := strconv.ParseFloat(words[1], 64)
			if err != nil {
				return 0, fmt.Errorf("read the metrics of %s: %w", p.name, err)
			}
			tasks, found = tasks+n, found+1
		}
	}
	if found != 2 {
		return 0, fmt.Errorf("the metrics of %s name %d of goroutines and open files", p.name, found)
	}
	return tasks, nil
}

// leftovers waits until the programs have let go of all that the attacks opened.
func (w *world) leftovers(ctx context.Context) Result {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result := Result{Name: "what all of it leaves behind", Target: "all", Expected: "nothing", Got: "nothing"}
	for _, p := range w.running {
		for {
			tasks, err := p.tasksNow(ctx)
			if err == nil && tasks <= p.tasks+slack {
				break
			}
			select {
			case <-ctx.Done():
				result.Got = fmt.Sprintf("%s has %.0f goroutines and files, %.0f at rest (%v)", p.name, tasks, p.tasks, err)
				result.fail("another answer")
				return result
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	result.MS = time.Since(began).Milliseconds()
	return result
}

func getText(ctx context.Context, address, path string) (string, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, address); err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	var text strings.Builder
	lines := bufio.NewScanner(conn.in)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
	}
	return text.String(), lines.Err()
}
