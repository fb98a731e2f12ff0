package inputs

import "fmt"

// renamed returns the command's input that was formerly called name. ok is false if none exists.
func (c Command) renamed(name string) (in Input, ok bool) {
	for _, in := range All {
		if in.Formerly == name && c.Takes(in) {
			return in, true
		}
	}
	return Input{}, false
}

// WithFormerNames returns a function that looks up the command's inputs by name. If an input is empty, the function
// uses the value under the input's former name. warnings contains one sentence for each former name in use.
func WithFormerNames(c Command, value func(string) string) (lookUp func(string) string, warnings []string) {
	former := map[string]string{} // by the new name
	for _, in := range All {
		if in.Formerly == "" || !c.Takes(in) || value(in.Name) != "" || value(in.Formerly) == "" {
			continue
		}
		former[in.Name] = in.Formerly
		warnings = append(warnings, fmt.Sprintf("the %s input is now called %s for the %s command; use the new name",
			in.Formerly, in.Name, c.Name))
	}
	return func(name string) string {
		if old, ok := former[name]; ok {
			return value(old)
		}
		return value(name)
	}, warnings
}
