package serve_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/sync/serve"
)

type settings struct {
	Listen  string          `koanf:"listen"`
	DataDir string          `koanf:"data_dir"`
	Hub     []string        `koanf:"hub"`
	Grace   time.Duration   `koanf:"grace"`
	Tills   int             `koanf:"tills"`
	TLS     bool            `koanf:"tls"`
	Log     serve.LogConfig `koanf:"log"`
	Hidden  string
}

func defaults() settings {
	return settings{Listen: "127.0.0.1:7410", DataDir: "/var/lib/shop", Hub: []string{"a", "b", "c"}, Grace: time.Second, Tills: 64, Log: serve.LogConfig{Level: "info", Format: "auto"}}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheLaterSourceWins(t *testing.T) {
	got := defaults()
	path := write(t, "listen = \"file:1\"\nhub = [\"x\"]\ngrace = \"3s\"\ntls = true\ndata_dir = \"/file\"\n[log]\nlevel = \"warn\"\nformat = \"text\"\n")
	list, err := serve.LoadConfig(&got, serve.Sources{
		File:      path,
		EnvPrefix: "SHOP_",
		Environ:   []string{"SHOP_LISTEN=env:2", "SHOP_LOG_LEVEL=error", "SHOP_DATA_DIR=/env", "OTHER=1", "HOME=/root"},
		Flags:     map[string]any{"listen": "flag:3", "log.level": "debug"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := settings{Listen: "flag:3", DataDir: "/env", Hub: []string{"x"}, Grace: 3 * time.Second, Tills: 64, TLS: true, Log: serve.LogConfig{Level: "debug", Format: "text"}}
	if got.Listen != want.Listen || got.DataDir != want.DataDir || strings.Join(got.Hub, ",") != "x" || got.Grace != want.Grace || got.Tills != 64 || !got.TLS || got.Log != want.Log {
		t.Errorf("%+v", got)
	}
	var lines []string
	for _, s := range list {
		lines = append(lines, s.Key+"="+s.Value+" from "+strings.ReplaceAll(s.Origin, path, "FILE"))
	}
	const shown = "listen=flag:3 from flag --listen|data_dir=/env from env SHOP_DATA_DIR|hub=[x] from file FILE|grace=3s from file FILE|tills=64 from default|tls=true from file FILE|log.level=debug from flag --log-level|log.format=text from file FILE"
	if strings.Join(lines, "|") != shown {
		t.Errorf("%s", strings.Join(lines, "|"))
	}
}

func TestAListInTheEnvironment(t *testing.T) {
	got := defaults()
	if _, err := serve.LoadConfig(&got, serve.Sources{EnvPrefix: "SHOP_", Environ: []string{"SHOP_HUB=h1:7420,h2:7420"}}); err != nil || strings.Join(got.Hub, " ") != "h1:7420 h2:7420" {
		t.Errorf("%v %v", got.Hub, err)
	}
}

func TestConfigurationMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  []string
		flag map[string]any
		want []string
	}{
		"unknown key":          {file: "lisen = \"x\"\n", want: []string{"shop.toml", `"lisen"`, `did you mean "listen"`}},
		"unknown in a section": {file: "[log]\nlevl = \"x\"\n", want: []string{`"log.levl"`, `"log.level"`}},
		"section for a value":  {file: "[listen]\nport = 1\n", want: []string{`"listen.port"`}},
		"unknown variable":     {env: []string{"SHOP_LISTNE=x"}, want: []string{"SHOP_LISTNE", `did you mean "listen"`}},
		"unknown flag":         {flag: map[string]any{"tlss": true}, want: []string{"--tlss", `"tls"`}},
		"broken file":          {file: "listen = \n", want: []string{"shop.toml"}},
		"wrong type":           {file: "tills = \"many\"\n", want: []string{"shop.toml", "tills"}},
		"wrong duration":       {env: []string{"SHOP_GRACE=soon"}, want: []string{"environment", "grace"}},
	} {
		t.Run(name, func(t *testing.T) {
			from := serve.Sources{EnvPrefix: "SHOP_", Environ: c.env, Flags: c.flag}
			if c.file != "" {
				from.File = write(t, c.file)
			}
			got := defaults()
			_, err := serve.LoadConfig(&got, from)
			if err == nil {
				t.Fatalf("taken: %+v", got)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
	got := defaults()
	if _, err := serve.LoadConfig(&got, serve.Sources{File: "/no/such.toml"}); err == nil || !strings.Contains(err.Error(), "/no/such.toml") {
		t.Errorf("%v", err)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log, level, err := serve.NewLogger(serve.LogConfig{Level: "warn", Format: "auto"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	level.Set(slog.LevelInfo)
	log.Info("heard", "component", "ledger")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"level":"INFO","msg":"heard","component":"ledger"`) {
		t.Error(got)
	}
	for _, bad := range []serve.LogConfig{{Level: "loud", Format: "json"}, {Level: "info", Format: "xml"}} {
		if _, _, err := serve.NewLogger(bad, &out); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
