package actionstest

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

const (
	outputLimit  = 1 << 20 // in bytes of UTF-16, for one job
	summaryLimit = 1 << 20 // in bytes, for one step
)

// Pair is one entry of a command file.
type Pair struct{ Name, Value string }

// ParseFile parses a file of outputs, state or environment variables. If the file is invalid, the runner fails the
// step, even if it exited with 0.
func ParseFile(data []byte) ([]Pair, error) {
	text := strings.TrimPrefix(strings.ToValidUTF8(string(data), "\uFFFD"), "\uFEFF")
	var pairs []Pair
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			pairs = append(pairs, Pair{line[:equals], line[equals+1:]})
		case heredoc >= 0:
			value, rest, err := readHeredoc(line[heredoc+2:], text)
			if err != nil {
				return pairs, fmt.Errorf("entry %q: %w", line, err)
			}
			pairs = append(pairs, Pair{line[:heredoc], value})
			text = rest
		default:
			return pairs, fmt.Errorf("invalid format %q", line)
		}
		if pairs[len(pairs)-1].Name == "" {
			return pairs, fmt.Errorf("entry %q: name must not be empty", line)
		}
	}
	return pairs, nil
}

func readHeredoc(delimiter, text string) (value, rest string, err error) {
	if delimiter == "" {
		return "", "", fmt.Errorf("delimiter must not be empty")
	}
	var lines []string
	for {
		if text == "" {
			return "", "", fmt.Errorf("matching delimiter not found %q", delimiter)
		}
		line, after, newline := strings.Cut(text, "\n")
		if line == delimiter {
			return strings.Join(lines, "\n"), after, nil
		}
		if !newline {
			return "", "", fmt.Errorf("eof marker missing new line")
		}
		lines, text = append(lines, line), after
	}
}

// Outputs returns a file's outputs as later steps and jobs see them. Outputs that contain a mask are dropped. If the
// outputs are too large, the job fails, and Outputs returns an error.
func Outputs(data []byte, masks []string) (map[string]string, error) {
	pairs, err := ParseFile(data)
	seen, units := map[string]string{}, 0
	for _, p := range pairs {
		units += len(utf16.Encode([]rune(p.Name + p.Value)))
		if Masked(p.Value, masks) == p.Value {
			seen[p.Name] = p.Value
		}
	}
	if err == nil && 2*units > outputLimit {
		err = fmt.Errorf("outputs are %d bytes, more than %d", 2*units, outputLimit)
	}
	return seen, err
}

// Summary returns the part of a summary file that GitHub shows. It fails if the file is too large.
func Summary(data []byte, masks []string) (string, error) {
	if len(data) > summaryLimit {
		return "", fmt.Errorf("summary is %d bytes, more than %d", len(data), summaryLimit)
	}
	return Masked(string(data), masks), nil
}
