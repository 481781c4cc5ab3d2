package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/agent/volume"
)

// Every command of docs/store-pc.md is one that this program takes, with flags that it has.
func TestThePageNamesCommandsThatThereAre(t *testing.T) {
	page, err := os.ReadFile("../../docs/store-pc.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]*cobra.Command{"run": runCommand(), "backup": backupCommand(), "verify": verifyCommand(), "restore": restoreCommand(), "import": importCommand(), "install": installCommand()}
	var told []string
	for line := range strings.Lines(string(page)) {
		_, call, found := strings.Cut(line, "shelfsync-agent ")
		if !found || !strings.HasPrefix(line, "    ") {
			continue
		}
		words := strings.Fields(call)
		cmd := commands[words[0]]
		if cmd == nil {
			if strings.HasPrefix(strings.TrimSpace(line), "sudo systemctl") {
				continue
			}
			t.Errorf("there is no command %q", words[0])
			continue
		}
		told = append(told, words[0])
		for _, word := range words {
			if name, flag := strings.CutPrefix(word, "--"); flag && cmd.Flags().Lookup(name) == nil {
				t.Errorf("%s has no flag --%s", words[0], name)
			}
		}
	}
	for name := range commands {
		if !slices.Contains(told, name) {
			t.Errorf("the page does not tell of %s", name)
		}
	}
	for stage := volume.Short; stage <= volume.Full; stage++ {
		if words := strings.Join(strings.Fields(stage.Sentence())[:4], " "); !strings.Contains(string(page), words) {
			t.Errorf("the page does not explain %q", words)
		}
	}
}
