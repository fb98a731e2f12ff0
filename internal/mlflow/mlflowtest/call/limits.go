package call

import (
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// CheckLength refuses a value that has too many characters.
func CheckLength(c *Call, what, value string, limit int) error {
	if utf8.RuneCountInString(value) <= limit {
		return nil
	}
	return wire.Invalid("'%s' exceeds the maximum length of %d characters", what, limit)
}

// Column is a value for a database column of limited width.
type Column struct {
	Name  string
	Value string
	Width int
}

// Columns refuses values that are too long for their database columns. SQLite and the file store have no such limits.
func Columns(c *Call, cs ...Column) error {
	if c.Dialect.Store != "postgresql" && c.Dialect.Store != "mariadb" {
		return nil
	}
	for _, col := range cs {
		if utf8.RuneCountInString(col.Value) > col.Width || c.Dialect.Store == "mariadb" && len(col.Value) > mostText {
			return tooLong(c, col)
		}
	}
	return nil
}

// mostText is the number of bytes that fit into a MariaDB column of type TEXT. In other databases, the same columns
// have no such limit.
const mostText = 1<<16 - 1

func tooLong(c *Call, col Column) error {
	if c.Dialect.Store == "mariadb" {
		return wire.Fail(
			"BAD_REQUEST", "(pymysql.err.DataError) (1406, \"Data too long for column '%s' at row 1\")", col.Name,
		)
	}
	return wire.Fail(
		"BAD_REQUEST",
		"(psycopg2.errors.StringDataRightTruncation) value too long for type character varying(%d)\n",
		col.Width,
	)
}

// UniqueViolation is the beginning of the database's message about a name that has already been taken.
const UniqueViolation = "(IntegrityError) UNIQUE constraint failed"
