package modelparts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The limits that an MLmodel file must meet before it is passed to the YAML parser. For 40 KB of opening brackets or a
// line of dashes, the parser uses 664 MiB. YAML aliases can multiply the content. The limits apply to tokens, because a
// quoted string may contain anything, and column names do contain brackets, ampersands and dashes.
const (
	maxNesting  = 60
	maxAnchors  = 20
	maxTokens   = 50_000
	maxUnquoted = 256 << 10 // bytes outside the strings in the signature; 64 KiB need up to 15 MiB as tokens
)

// Parse parses an MLmodel file. Any field may be missing, and unknown fields are ignored. Nothing in the file is
// executed.
func Parse(text []byte) (registry.MLmodel, error) {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	short, texts := withoutTexts(strings.ReplaceAll(string(text), "\r\n", "\n"), digest)
	if err := checkTokens(short); err != nil {
		return registry.MLmodel{}, err
	}
	var file struct {
		Flavors   map[string]map[string]any `yaml:"flavors"`
		Signature map[string]any            `yaml:"signature"`
		RunID     string                    `yaml:"run_id"`
		ModelID   string                    `yaml:"model_id"`
		Version   string                    `yaml:"mlflow_version"`
		Created   string                    `yaml:"utc_time_created"`
		Size      int64                     `yaml:"model_size_bytes"`
		Example   map[string]any            `yaml:"saved_input_example_info"`
		Wheels    any                       `yaml:"wheels"`
		Resources any                       `yaml:"resources"`
		Policy    any                       `yaml:"auth_policy"`
	}
	if err := yaml.Unmarshal([]byte(short), &file); err != nil {
		return registry.MLmodel{}, fmt.Errorf("it is not the YAML of an MLmodel file: %s", firstLine(err.Error()))
	}
	if err := texts.restore(file.Signature); err != nil {
		return registry.MLmodel{}, err
	}
	if len(file.Flavors) == 0 {
		return registry.MLmodel{}, fmt.Errorf("it contains no flavors")
	}
	m := registry.MLmodel{
		Flavors: file.Flavors, RunID: file.RunID, ModelID: file.ModelID, MLflowVersion: file.Version,
		Created: file.Created, SizeBytes: file.Size, Signature: signature(file.Signature), Sha256: digest,
	}
	m.Parts = Of(file.Flavors, file.Example, file.Wheels != nil)
	m.Resources, m.Unclear = Resources(file.Resources, file.Policy)
	m.InputExample, _ = file.Example["artifact_path"].(string)
	m.PythonVersion, _ = file.Flavors["python_function"]["python_version"].(string)
	return m, nil
}

// signature returns the three parts of the signature. In the file, each part is a string that contains JSON.
func signature(parts map[string]any) registry.Signature {
	text := func(name string) string {
		t, _ := parts[name].(string)
		return t
	}
	return registry.Signature{Inputs: text("inputs"), Outputs: text("outputs"), Params: text("params")}
}

// signatureLines matches the signature in an MLmodel file, and quotedText matches one of its strings, as PyYAML writes
// them. PyYAML doubles a quote inside such a string.
var (
	signatureLines = regexp.MustCompile(`(?m)^signature:\n(?: .*\n|\n)+`)
	quotedText     = regexp.MustCompile(`(?m)^  (inputs|outputs|params): '(?:[^']|'')*'$`)
)

// foldedLine matches a line break in a quoted string, together with the spaces around it.
var foldedLine = regexp.MustCompile(`[ \t]*\n[ \t\n]*`)

// textsTaken maps each placeholder to the quoted string that it replaced in an MLmodel file.
type textsTaken map[string]string

// withoutTexts replaces the strings in the signature with placeholders, for two reasons. A string with 20,000 columns
// is a single token, but the scanner copies it many times. The scanner also loses spaces if a line within a string
// starts with a quote. The placeholders contain the digest of the file, so they cannot occur in the file itself.
func withoutTexts(text, digest string) (short string, taken textsTaken) {
	taken = textsTaken{}
	return signatureLines.ReplaceAllStringFunc(text, func(lines string) string {
		return quotedText.ReplaceAllStringFunc(lines, func(line string) string {
			key, quoted, _ := strings.Cut(line, ": ")
			holder := fmt.Sprintf("%s-%d", digest, len(taken))
			taken[holder] = quoted
			return key + ": '" + holder + "'"
		})
	}), taken
}

// restore puts the strings back into the signature. It fails if a placeholder is not the value of a signature key,
// because the string that it replaced was then not part of the signature.
func (t textsTaken) restore(signature map[string]any) error {
	for name, value := range signature {
		holder, _ := value.(string)
		if quoted, ok := t[holder]; ok {
			signature[name] = unquote(quoted)
			delete(t, holder)
		}
	}
	if len(t) > 0 {
		return errors.New("it contains a string that looks like a part of its signature, but is not")
	}
	return nil
}

// unquote returns the content of a string in single quotes. In such a string, a line break means a space, and an empty
// line means a line break.
func unquote(quoted string) string {
	text := strings.ReplaceAll(quoted[1:len(quoted)-1], "''", "'")
	return foldedLine.ReplaceAllStringFunc(text, func(breaks string) string {
		if n := strings.Count(breaks, "\n"); n > 1 {
			return strings.Repeat("\n", n-1)
		}
		return " "
	})
}

// checkTokens limits the number of tokens and everything that can be nested: brackets, and the dashes, question marks
// and indentation at the start of a line.
func checkTokens(text string) error {
	if len(text) > maxUnquoted {
		return fmt.Errorf("it contains %d bytes besides its signature, more than the limit of %d",
			len(text), maxUnquoted)
	}
	tokens := lexer.Tokenize(text)
	if len(tokens) > maxTokens {
		return fmt.Errorf("it contains %d YAML tokens, more than the limit of %d", len(tokens), maxTokens)
	}
	brackets, anchors, line, marks := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, marks = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if brackets == 0 {
				marks++
			}
		case token.AnchorType:
			anchors++
		}
		if max(brackets, marks) > maxNesting || brackets == 0 && t.Position.IndentNum > 4*maxNesting {
			return fmt.Errorf("it nests more than %d levels deep", maxNesting)
		}
	}
	if anchors > maxAnchors {
		return fmt.Errorf("it contains %d anchors, more than the limit of %d", anchors, maxAnchors)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
