package installer

import (
	"embed"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// account is the system user that both programs run as.
const account = "shelfsync"

//go:embed templates
var templateFiles embed.FS

// %q of text that has only printable characters is a TOML basic string too.
var templates = template.Must(template.New("").Funcs(template.FuncMap{"quote": strconv.Quote}).
	ParseFS(templateFiles, "templates/*"))

// Plan lists what makes the machine run the program, in the order in which it is
// done. It reads and changes nothing; wrong options are an error that names each.
func Plan(o Options) ([]Step, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := o.checkContent(); err != nil {
		return nil, err
	}
	config, unit := o.render(string(o.Role)+".toml"), o.render("unit.service")
	owner := ""
	if o.live() {
		owner = account
	}
	steps := []Step{
		o.onMachine(user{name: account, exec: o.Exec}),
		folder{path: o.at(filepath.Dir(o.configPath())), mode: 0o755},
		folder{path: o.at(o.DataDir), mode: 0o750, owner: owner, exec: o.Exec},
		program{source: o.Program, path: o.at(o.programPath())},
		settings{path: o.at(o.configPath()), content: config},
		file{kind: "unit", path: o.at(o.unitPath()), mode: 0o644, content: unit},
	}
	for _, c := range []command{o.reload(), o.enable(), o.restart()} {
		steps = append(steps, o.onMachine(c))
	}
	return steps, nil
}

// PlanRemoval lists what takes the program off the machine. Data, configuration
// and account stay, and the plan says where. Of the options it needs only Role,
// and Prefix and DataDir as they were.
func PlanRemoval(o Options) ([]Step, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return []Step{
		o.onMachine(o.disable()),
		removal{path: o.at(o.unitPath())},
		o.onMachine(o.forget()),
		removal{path: o.at(o.programPath())},
		kept{what: "configuration", path: o.at(o.configPath())},
		kept{what: "data", path: o.at(o.DataDir)},
	}, nil
}

func (o Options) programPath() string { return "/usr/local/bin/" + o.name() }
func (o Options) configPath() string  { return "/etc/shelfsync/" + string(o.Role) + ".toml" }
func (o Options) unitPath() string    { return "/etc/systemd/system/" + o.name() + ".service" }

// onMachine leaves a step out below a prefix: it acts on the running system.
func (o Options) onMachine(s Step) Step {
	if o.live() {
		return s
	}
	return leftOut{s}
}

// render fills in one of the templates, with the paths of the installed machine.
func (o Options) render(name string) []byte {
	role := defaults[o.Role]
	state, inVarLib := strings.CutPrefix(o.DataDir, "/var/lib/")
	fields := map[string]any{
		"Role": string(o.Role), "Program": o.programPath(), "Config": o.configPath(), "Account": account,
		"Data": o.DataDir, "State": state, "InVarLib": inVarLib, "Memory": role.memory, "Files": role.files,
		"Location": o.Location, "Hubs": o.Hubs, "Listen": o.Listen, "RaftListen": role.raftListen,
	}
	var text strings.Builder
	if err := templates.ExecuteTemplate(&text, name, fields); err != nil {
		panic("the installer's own template " + name + " does not fit its fields: " + err.Error())
	}
	return []byte(text.String())
}
