package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

const maxFile = 1 << 20

// file reads the settings file: a mapping of names to values or lists of values.
func (l *loader) file(path string, from Origin) {
	content, err := readFile(path)
	if err != nil {
		l.fail("", from, "the settings file cannot be read: "+err.Error())
		return
	}
	l.yaml(filepath.Base(path), content)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s is over %s", path, Size(maxFile))
	}
	return content, nil
}

func (l *loader) yaml(name string, content []byte) {
	file := Origin{"file", name}
	root, err := document(content)
	if err != nil {
		l.fail("", file, err.Error())
		return
	}
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		l.fail("", at(name, root), "the file is not a list of settings such as `listen: 127.0.0.1:7878`")
		return
	}
	l.section(name, "", root, &[]string{})
}

// section reads a mapping of settings. Settings that begin alike may stand in a
// mapping of their own: review-timeout is timeout under review.
func (l *loader) section(file, prefix string, root *yaml.Node, seen *[]string) {
	var names []string
	for _, s := range l.settings {
		if short, ok := strings.CutPrefix(s.name, prefix); ok {
			names = append(names, short)
		}
	}
	for pair := range slices.Chunk(root.Content, 2) {
		key, value, from := pair[0], pair[1], at(file, pair[0])
		s, known := l.byName(prefix + key.Value)
		switch {
		case key.Kind == yaml.ScalarNode && !known && value.Kind == yaml.MappingNode && l.begins(prefix+key.Value+"-"):
			l.section(file, prefix+key.Value+"-", value, seen)
		case key.Kind != yaml.ScalarNode || !known:
			l.fail("", from, fmt.Sprintf("there is no setting %s; did you mean %s?", quote(key.Value), nearest(key.Value, names)))
		case slices.Contains(*seen, s.name):
			l.fail(s.name, from, "is set twice in the file")
		default:
			*seen = append(*seen, s.name)
			l.yamlValue(s, value, from)
		}
	}
}

func (l *loader) begins(prefix string) bool {
	return slices.ContainsFunc(l.settings, func(s setting) bool { return strings.HasPrefix(s.name, prefix) })
}

func (l *loader) yamlValue(s setting, value *yaml.Node, from Origin) {
	isList := strings.HasPrefix(s.kind, listOf)
	if isList && value.Kind == yaml.SequenceNode && value.Style&yaml.TaggedStyle == 0 {
		var parts []string
		for _, element := range value.Content {
			part, ok := scalar(element)
			if !ok || part == "" || strings.Contains(part, ",") {
				l.fail(s.name, from, "has an element that is not a single value")
				return
			}
			parts = append(parts, part)
		}
		l.set(s, strings.Join(parts, ","), from)
		return
	}
	if strings.HasPrefix(s.kind, mapOf) && value.Kind == yaml.MappingNode && value.Style&yaml.TaggedStyle == 0 {
		text, ok := yamlMap(value)
		if !ok {
			l.fail(s.name, from, "has a line that is not a pattern and an endpoint or a list of endpoints")
			return
		}
		l.set(s, text, from)
		return
	}
	isRules := strings.HasPrefix(s.kind, rulesOf)
	if isRules && value.Kind == yaml.SequenceNode && value.Style&yaml.TaggedStyle == 0 {
		text, ok := yamlRules(value)
		if !ok {
			l.fail(s.name, from, "has an element that is not lines of names and values without commas and spaces")
			return
		}
		l.set(s, text, from)
		return
	}
	text, ok := scalar(value)
	if !ok {
		allowed := "one value"
		if isList {
			allowed = "a list of values"
		}
		if strings.HasPrefix(s.kind, mapOf) {
			allowed = "lines of names and values"
		}
		if isRules {
			allowed = "a list whose elements are lines of names and values"
		}
		l.fail(s.name, from, "needs "+allowed+" after the colon")
		return
	}
	l.set(s, text, from)
}

// scalar returns a value as it is written. YAML's own idea of its type does not
// matter: account 000000000000 is no zero.
func scalar(n *yaml.Node) (string, bool) {
	null := n.Tag == "!!null"
	return n.Value, n.Kind == yaml.ScalarNode && !null && n.Style&yaml.TaggedStyle == 0
}

// document returns the root of the one document, nil if there is none.
func document(content []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read as YAML: %w", err)
	}
	var first, second yaml.Node
	err = loader.Load(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, notYAML(err)
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file has more than one document, or something after it")
	}
	if len(first.Content) == 0 || first.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return first.Content[0], nil
}

// notYAML says where and why. The stages after parsing quote the file, and there
// may be a secret in it.
func notYAML(err error) error {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return errors.New("the file is not YAML")
	}
	switch e.Stage {
	case yaml.ReaderStage, yaml.ScannerStage, yaml.ParserStage:
		return fmt.Errorf("the file is not YAML: line %d: %s", e.Mark.Line, e.Message)
	}
	return fmt.Errorf("the file is not YAML: line %d: an alias, a tag or a repeated name that does not work", e.Mark.Line)
}

func at(name string, n *yaml.Node) Origin {
	return Origin{"file", fmt.Sprintf("%s:%d", name, n.Line)}
}
