// Command dev is the developers' tool: what the Makefile runs that is more than
// one command.
//
//	go run ./cmd/dev check                  format, vet, staticcheck, architecture
//	go run ./cmd/dev campaign --minutes 30  seeded runs, resumed where the last ended
//	go run ./cmd/dev bench                  promises, measured on real programs and disks
//	go run ./cmd/dev attack                 hostile input to real programs
//	go run ./cmd/dev rehearsals             every real day, into docs/rehearsals.md
//
// It owns nothing but docs/campaigns.md, which is its own memory of the seeds
// that were run. The rules of the house are in its tests: architecture_test.go
// is the table of arrows, style_test.go the habits that a parser can see.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "dev",
		Short:         "Check and exercise Shelfsync while changing it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(checkCommand(), campaignCommand(), benchCommand(), attackCommand(), rehearsalsCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// moduleRoot finds the folder that the commands run in, so that they may be
// started from anywhere inside the module.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the module: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", fmt.Errorf("not inside the module: run this from the Shelfsync source tree")
	}
	return filepath.Dir(file), nil
}
