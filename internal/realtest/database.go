package realtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Database edits a server's tables directly, as an operator who has the database's password can.
type Database struct {
	ask  func(string) (string, error)
	Stop func()
}

const sqlPy = `
import json, sys, sqlalchemy
from sqlalchemy.pool import NullPool
engine = sqlalchemy.create_engine(sys.argv[1], poolclass=NullPool)
for line in sys.stdin:
    q = json.loads(line)
    try:
        with engine.begin() as connection:
            for each in q["script"]:
                done = connection.execute(sqlalchemy.text(each["sql"]), each["args"])
                rows = [[str(v) for v in row] for row in done] if done.returns_rows else []
        print(json.dumps({"rows": rows, "changed": done.rowcount}))
    except Exception as e:
        print(json.dumps({"error": str(e)}))
`

// Database connects to the server's database with the drivers from the server's own installation.
func (s *Server) Database(ctx context.Context) (*Database, error) {
	ask, stop, err := s.converse(ctx, sqlPy, s.uri)
	return &Database{ask, stop}, err
}

// Statement is a single SQL statement. Its arguments are named, for example "key = :key".
type Statement struct {
	SQL  string `json:"sql"`
	Args any    `json:"args"` // a map, or a list of maps; the statement runs once for each map
}

// Exec runs one statement in its own transaction.
func (d *Database) Exec(sql string, args map[string]any) (rows [][]string, changed int, err error) {
	if args == nil {
		args = map[string]any{}
	}
	return d.Script(Statement{sql, args})
}

// Script runs statements in a single transaction and returns the result of the last one.
func (d *Database) Script(statements ...Statement) (rows [][]string, changed int, err error) {
	line, err := json.Marshal(object{"script": statements})
	if err != nil {
		return nil, 0, err
	}
	answer, err := d.ask(string(line))
	if err != nil {
		return nil, 0, err
	}
	var out struct {
		Rows    [][]string
		Changed int
		Error   string
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		return nil, 0, err
	}
	if out.Error != "" {
		return nil, 0, fmt.Errorf("%s: %w", statements[len(statements)-1].SQL, errors.New(out.Error))
	}
	return out.Rows, out.Changed, nil
}

// SQL edits the server's database directly, to create states that no request can produce. A colon begins a parameter,
// so write \: for a colon in a string. SQL fails if any statement changes no row.
func (s *Server) SQL(ctx context.Context, statements ...string) error {
	db, err := s.Database(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	for _, sql := range statements {
		switch _, touched, err := db.Exec(sql, nil); {
		case err != nil:
			return err
		case touched == 0:
			return fmt.Errorf("no row was touched by %q", sql)
		}
	}
	return nil
}
