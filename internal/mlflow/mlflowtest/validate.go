package mlflowtest

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const asParameter = "Missing value for required parameter '%s'."

func checkModelName(c *call, name string) error {
	if !c.sw.strictNames {
		if name == "" {
			return invalid("Registered model name cannot be empty.")
		}
		return nil
	}
	if strings.TrimSpace(name) == "" {
		return invalid(asParameter, "name")
	}
	if strings.ContainsAny(name, "/:") {
		return invalid("Invalid model name '%s'. Names cannot contain '/' or ':'.", name)
	}
	if resolvesElsewhere(name) {
		return invalid("Invalid value %s for parameter 'name' supplied: %s", compact(name), elsewhere(name))
	}
	return nil
}

func checkNewModelName(c *call, name string) error {
	if c.sw.strictNames && strings.TrimSpace(name) == "" {
		return invalid(asParameter, "new_name")
	}
	return checkModelName(c, name)
}

// resolvesElsewhere reports whether a name, read as a path, means another path.
func resolvesElsewhere(name string) bool {
	norm := path.Clean(name)
	return norm != name || norm == "." || strings.HasPrefix(norm, "..") || strings.HasPrefix(norm, "/")
}

func elsewhere(name string) string {
	return "Names may be treated as files in certain cases, and must not resolve to other names when treated as " +
		"such. This name would resolve to '" + path.Clean(
		name,
	) + "'"
}

var entityName = regexp.MustCompile(`^[/\pL\pN_.\- :]*$`)

// checkTagKey applies to tags of all kinds, and to the names of parameters and metrics.
func checkTagKey(c *call, key, at string) error {
	if !entityName.MatchString(key) || !c.sw.colonInKeys && strings.Contains(key, ":") {
		return invalid(
			"Invalid value %s for parameter '%s' supplied: Names may only contain alphanumerics, underscores (_), "+
				"dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
			compact(key),
			at,
		)
	}
	if resolvesElsewhere(key) {
		return invalid("Invalid value %s for parameter '%s' supplied: %s", compact(key), at, elsewhere(key))
	}
	return nil
}

func checkModelTag(c *call, key, value string) error {
	return checkRegistryTag(c, key, value, c.sw.modelTagLimit)
}

func checkVersionTag(c *call, key, value string) error {
	return checkRegistryTag(c, key, value, c.sw.versionTagLimit)
}

func checkRegistryTag(c *call, key, value string, limit int) error {
	if err := checkTagKey(c, key, "key"); err != nil {
		return err
	}
	if err := checkLength(c, "key", key, 250); err != nil {
		return err
	}
	return checkLength(c, "value", value, limit)
}

func checkLength(c *call, what, value string, limit int) error {
	if utf8.RuneCountInString(value) <= limit {
		return nil
	}
	return invalid("'%s' exceeds the maximum length of %d characters", what, limit)
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}

// checkVersion reads a version number like Python reads an integer: "01", " 1" and "1_0" are numbers too.
func checkVersion(s string) (int64, error) {
	digits := strings.TrimSpace(s)
	if ok, _ := regexp.MatchString(`^[+-]?[0-9]+(_[0-9]+)*$`, digits); ok {
		if n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, invalid("Parameter 'version' must be an integer, got '%s'.", s)
}

var (
	aliasChars   = regexp.MustCompile(`^[\pL\pN_\-]*$`)
	aliasVersion = regexp.MustCompile(`^[vV]\pN+$`)
)

func checkAlias(c *call, a string) error {
	if a == "" {
		return invalid("Registered model alias name cannot be empty.")
	}
	if !aliasChars.MatchString(a) {
		return invalid(
			"Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_), and dashes (-).", a,
		)
	}
	return checkLength(c, "Registered model alias name", a, 255)
}

func checkAliasFree(a string) error {
	if strings.EqualFold(a, "latest") {
		return invalid("'latest' alias name (case insensitive) is reserved.")
	}
	if aliasVersion.MatchString(a) {
		return invalid("Version alias name '%s' is reserved.", a)
	}
	return nil
}

// column is a value for a database column of limited width.
type column struct {
	name  string
	value string
	width int
}

// columns refuses values that do not fit into the database's columns. SQLite and the file store have no limits.
func columns(c *call, cs ...column) error {
	if c.cfg.store != "postgresql" && c.cfg.store != "mariadb" {
		return nil
	}
	for _, col := range cs {
		if utf8.RuneCountInString(col.value) > col.width || c.cfg.store == "mariadb" && len(col.value) > mostText {
			return tooLong(c, col)
		}
	}
	return nil
}

// mostText is how many bytes MariaDB's type TEXT holds. Others have no such limit.
const mostText = 1<<16 - 1

func tooLong(c *call, col column) error {
	if c.cfg.store == "mariadb" {
		return fail(
			"BAD_REQUEST", "(pymysql.err.DataError) (1406, \"Data too long for column '%s' at row 1\")", col.name,
		)
	}
	return fail(
		"BAD_REQUEST",
		"(psycopg2.errors.StringDataRightTruncation) value too long for type character varying(%d)\n",
		col.width,
	)
}

// uniqueViolation is the beginning of the database's message.
const uniqueViolation = "(IntegrityError) UNIQUE constraint failed"
