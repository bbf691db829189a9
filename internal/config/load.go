package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

const (
	envPrefix  = "PARLEY_"
	configFlag = "config"
	configEnv  = envPrefix + "CONFIG"
)

func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// AddFlags adds a flag for every setting that is not secret, and --config for
// the file. [Load] reads them.
func AddFlags(flags *pflag.FlagSet) {
	flags.StringP(configFlag, "c", "", "YAML file of settings ("+configEnv+")")
	for _, s := range settings() {
		if s.flagless() {
			continue
		}
		f := flags.VarPF(&flagValue{kind: s.kind, text: s.fallback}, s.name, "", usage(s))
		if s.isBool() {
			f.NoOptDefVal = "true"
		}
	}
}

// usage is the setting's sentence as terminals show it. pflag takes what stands
// in backquotes for the name of the value.
func usage(s setting) string { return strings.ReplaceAll(s.doc, "`", "") }

// flagless settings make up a secret; half of one on a command line is no use.
func (s setting) flagless() bool { return s.secret || strings.HasSuffix(s.name, "access-key-id") }

func (s setting) isBool() bool { return s.kind == boolean().name }

// flagValue keeps a flag's text until Load, so that a wrong one is reported
// together with whatever else is wrong. Given repeatedly, lists add up.
type flagValue struct {
	kind string
	text string
	set  bool
}

func (v *flagValue) String() string { return v.text }

// Type is what help shows for the value: default|aws|none, CIDR,…
func (v *flagValue) Type() string {
	if v.kind == boolean().name {
		return "bool" // which pflag shows without a value
	}
	if element, ok := strings.CutPrefix(v.kind, listOf); ok {
		return element + ",…"
	}
	if strings.HasPrefix(v.kind, mapOf) {
		return "PATTERN=ENDPOINT"
	}
	if strings.HasPrefix(v.kind, rulesOf) {
		return "NAME=VALUE,…"
	}
	return strings.ReplaceAll(v.kind, ", ", "|")
}

func (v *flagValue) Set(text string) error {
	switch {
	case v.set && strings.HasPrefix(v.kind, listOf):
		text = v.text + "," + text
	case v.set && (strings.HasPrefix(v.kind, mapOf) || strings.HasPrefix(v.kind, rulesOf)):
		text = v.text + " " + text
	}
	v.text, v.set = text, true
	return nil
}

// Load returns the settings of flags (which may be nil), environment (as of
// os.Environ) and the file that one of the two names. The error tells everything
// that is wrong, one [*Error] per line.
func Load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	l := loader{config: Default(), settings: settings()}
	if path, from := configFile(flags, environ); path != "" {
		l.file(path, from)
	}
	l.env(environ)
	l.flags(flags)
	l.errs = append(l.errs, l.config.together(l.bad)...)
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return l.config, nil
}

func configFile(flags *pflag.FlagSet, environ []string) (path string, from Origin) {
	if flags != nil && flags.Changed(configFlag) {
		return flags.Lookup(configFlag).Value.String(), Origin{"flag", "--" + configFlag}
	}
	for _, variable := range environ {
		if value, ok := strings.CutPrefix(variable, configEnv+"="); ok {
			path = value
		}
	}
	return path, Origin{"env", configEnv}
}

type loader struct {
	config   *Config
	settings []setting
	errs     []error
	bad      []string // names of settings with a wrong value somewhere
}

func (l *loader) set(s setting, value string, from Origin) {
	if err := s.parse(l.config, value); err != nil {
		l.fail(s.name, from, err.Error())
		return
	}
	l.config.Origins[s.name] = from
}

func (l *loader) fail(name string, from Origin, problem string) {
	if name != "" {
		l.bad = append(l.bad, name)
	}
	l.errs = append(l.errs, &Error{Setting: name, Origin: from, Problem: problem})
}

func (l *loader) byName(name string) (setting, bool) {
	i := slices.IndexFunc(l.settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return l.settings[i], true
}

func (l *loader) env(environ []string) {
	names := []string{configEnv}
	byEnv := map[string]setting{}
	for _, s := range l.settings {
		names = append(names, envName(s.name))
		byEnv[envName(s.name)] = s
	}
	environ = slices.Clone(environ)
	slices.SortStableFunc(environ, func(a, b string) int { return cmp.Compare(envKey(a), envKey(b)) })
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == configEnv || injected(name, value) {
			continue
		}
		s, known := byEnv[name]
		from := Origin{"env", name}
		switch {
		case !known:
			l.fail("", from, "there is no such setting; did you mean "+nearest(strings.ToUpper(name), names)+"?")
		case value != "": // compose files pass on variables that are not set as empty ones
			l.set(s, value, from)
		}
	}
}

func envKey(variable string) string {
	name, _, _ := strings.Cut(variable, "=")
	return name
}

// injected tells apart the variables that Kubernetes gives every pod for a
// Service named parley. They are not ours, and no reason not to start.
func injected(name, value string) bool {
	if name == envPrefix+"PORT" {
		return strings.Contains(value, "://")
	}
	return regexp.MustCompile(`^PARLEY_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$`).
		MatchString(name)
}

func (l *loader) flags(flags *pflag.FlagSet) {
	if flags == nil {
		return
	}
	flags.Visit(func(f *pflag.Flag) {
		if _, ours := f.Value.(*flagValue); !ours {
			return
		}
		if s, ok := l.byName(f.Name); ok {
			l.set(s, f.Value.String(), Origin{"flag", "--" + f.Name})
		}
	})
}

// nearest returns the candidate that takes the fewest changed letters.
func nearest(name string, candidates []string) string {
	return slices.MinFunc(candidates, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
}

// distance is Levenshtein's, of the first 64 bytes.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// quote shortens what a user wrote to what an error can show.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%.*q…", most, s)
	}
	return fmt.Sprintf("%q", s)
}
