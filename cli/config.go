package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/closest"
)

// configFileMax bounds what is read as a configuration file, in bytes.
const configFileMax = 1 << 20

// setting is one value of the configuration file and where it stands.
type setting struct {
	values       []string
	line, column int
}

// applySettings fills the flags that the command line left alone: from the environment
// (FANFOLD_SPLIT_SIZE for --split-size), or else from the configuration file.
func applySettings(cmd *cobra.Command, file string, environ func(string) (string, bool)) error {
	settings, err := readSettings(file)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	collectFlags(cmd.Root(), known)
	for key, s := range settings {
		if !known[key] {
			return unknownKey(file, key, s, known)
		}
	}
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || first != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := "FANFOLD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := environ(name); ok {
			first = setFlag(cmd, f, []string{value}, name)
		} else if s, ok := settings[f.Name]; ok {
			first = setFlag(cmd, f, s.values, fmt.Sprintf("%s:%d:%d", file, s.line, s.column))
		}
	})
	return first
}

func setFlag(cmd *cobra.Command, f *pflag.Flag, values []string, origin string) error {
	for _, value := range values {
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			return usagef("read settings", "%s: %w", origin, err)
		}
	}
	return nil
}

func collectFlags(cmd *cobra.Command, known map[string]bool) {
	note := func(f *pflag.Flag) { known[f.Name] = true }
	cmd.Flags().VisitAll(note)
	cmd.PersistentFlags().VisitAll(note)
	for _, sub := range cmd.Commands() {
		collectFlags(sub, known)
	}
}

func unknownKey(file, key string, s setting, known map[string]bool) error {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	err := fanfold.Errorf(fanfold.KindUsage, "read settings",
		"%s:%d:%d: unknown key %q", file, s.line, s.column, key)
	if near := closest.Name(key, names); near != "" {
		err.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return err
}

// readSettings reads the file's top-level keys. No file named is no setting; a file that is named
// and missing is an error.
func readSettings(file string) (map[string]setting, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, usagef("read settings", "%w", err)
	}
	if info.Size() > configFileMax {
		return nil, usagef("read settings", "%s: larger than %s", file, formatBytes(configFileMax))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("read settings", "%w", err)
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, usagef("read settings", "%s: %s", file, firstLine(err.Error()))
	}
	settings := map[string]setting{}
	for _, doc := range tree.Docs {
		if err := addSettings(settings, file, doc.Body); err != nil {
			return nil, err
		}
	}
	return settings, nil
}

func addSettings(settings map[string]setting, file string, body ast.Node) error {
	var pairs []*ast.MappingValueNode
	switch node := body.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{node}
	default:
		return usagef("read settings", "%s: want lines of the form `flag: value`", file)
	}
	for _, pair := range pairs {
		at := pair.Key.GetToken().Position
		s := setting{line: at.Line, column: at.Column}
		if list, ok := pair.Value.(*ast.SequenceNode); ok {
			for _, item := range list.Values {
				s.values = append(s.values, item.GetToken().Value)
			}
		} else {
			s.values = []string{pair.Value.GetToken().Value}
		}
		settings[pair.Key.GetToken().Value] = s
	}
	return nil
}

// defaultConfigFile is the user's configuration file, or "" when there is none.
func defaultConfigFile(environ func(string) (string, bool)) string {
	if file, ok := environ("FANFOLD_CONFIG"); ok {
		return file
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	file := filepath.Join(dir, "fanfold", "config.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return file
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
