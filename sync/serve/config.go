package serve

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Sources say where a program's settings may come from; a later one wins:
// the struct's own values, File, the environment, Flags.
type Sources struct {
	File      string         // TOML; empty: none
	EnvPrefix string         // such as SHELFSYNC_AGENT_: key log.level is SHELFSYNC_AGENT_LOG_LEVEL
	Environ   []string       // os.Environ()
	Flags     map[string]any // by key, only those that were given
}

// Setting is one line of `config show --origin`.
type Setting struct {
	Key, Value, Origin string
}

// LoadConfig fills into, a pointer to a struct that holds the defaults and
// whose fields carry koanf tags; a field that is a struct is a section. A list
// replaces the one before it; in the environment it is written with commas. A key
// that the struct does not have is an error that names its source and the
// nearest known key. The settings come back in the order of the struct.
func LoadConfig(into any, from Sources) ([]Setting, error) {
	fields, keys := settingsOf(reflect.ValueOf(into).Elem(), "")
	origins := map[string]string{}
	for _, layer := range layers(from, keys) {
		if err := layer.apply(into, fields, keys, origins); err != nil {
			return nil, err
		}
	}
	var settings []Setting
	for _, key := range keys {
		origin := origins[key]
		if origin == "" {
			origin = "default"
		}
		settings = append(settings, Setting{Key: key, Value: fmt.Sprint(fields[key].Interface()), Origin: origin})
	}
	return settings, nil
}

// settingsOf lists a struct's keys in order, with their fields.
func settingsOf(v reflect.Value, prefix string) (map[string]reflect.Value, []string) {
	fields, keys := map[string]reflect.Value{}, []string(nil)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("koanf")
		if name == "" {
			continue
		}
		if v.Field(i).Kind() == reflect.Struct {
			inner, names := settingsOf(v.Field(i), prefix+name+".")
			maps.Copy(fields, inner)
			keys = append(keys, names...)
			continue
		}
		fields[prefix+name] = v.Field(i)
		keys = append(keys, prefix+name)
	}
	return fields, keys
}

// layer is one source of settings.
type layer struct {
	read   func(*koanf.Koanf) error
	source string                  // for errors about the whole
	origin func(key string) string // where one key came from
}

func layers(from Sources, keys []string) []layer {
	var all []layer
	if from.File != "" {
		all = append(all, layer{
			read:   func(k *koanf.Koanf) error { return k.Load(file.Provider(from.File), toml.Parser()) },
			source: from.File,
			origin: func(string) string { return "file " + from.File },
		})
	}
	envName := func(key string) string {
		return from.EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	}
	known := map[string]string{}
	for _, key := range keys {
		known[envName(key)] = key
	}
	environment := env.Provider(".", env.Opt{
		Prefix:      from.EnvPrefix,
		EnvironFunc: func() []string { return from.Environ },
		TransformFunc: func(name, value string) (string, any) {
			if key, ok := known[name]; ok {
				return key, value
			}
			return strings.ToLower(strings.TrimPrefix(name, from.EnvPrefix)), value
		},
	})
	return append(all, layer{
		read:   func(k *koanf.Koanf) error { return k.Load(environment, nil) },
		source: "the environment",
		origin: func(key string) string { return "env " + envName(key) },
	}, layer{
		read:   func(k *koanf.Koanf) error { return k.Load(confmap.Provider(from.Flags, "."), nil) },
		source: "the command line",
		origin: func(key string) string {
			return "flag --" + strings.NewReplacer(".", "-", "_", "-").Replace(key)
		},
	})
}

func (l layer) apply(into any, fields map[string]reflect.Value, keys []string, origins map[string]string) error {
	k := koanf.New(".")
	if err := l.read(k); err != nil {
		return fmt.Errorf("read configuration from %s: %w", l.source, err)
	}
	for _, key := range k.Keys() {
		field, ok := fields[key]
		if !ok {
			return unknown(l, key, keys)
		}
		if text, ok := k.Get(key).(string); ok && field.Kind() == reflect.Slice {
			if err := k.Set(key, strings.Split(text, ",")); err != nil {
				return fmt.Errorf("read %s: %w", l.origin(key), err)
			}
		}
		origins[key] = l.origin(key)
	}
	if err := k.Unmarshal("", into); err != nil {
		return fmt.Errorf("configuration from %s: %w", l.source, err)
	}
	return nil
}

func unknown(l layer, key string, keys []string) error {
	nearest := slices.MinFunc(keys, func(a, b string) int { return distance(a, key) - distance(b, key) })
	return fmt.Errorf("%s: the key %q is unknown; did you mean %q?", l.origin(key), key, nearest)
}

// distance counts the letters to add, drop or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
