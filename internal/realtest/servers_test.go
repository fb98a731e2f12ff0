//go:build real

package realtest

import "testing"

func TestOtherServers(t *testing.T) {
	for name, o := range map[string]Options{
		"the newest on MariaDB": {Store: "mariadb", Workers: 1},
		"a static prefix":       {Prefix: "/mlflow", Workers: 1},
		"a workspace":           {Workspace: "team-a", Workers: 1},
		"logins of 3.x":         {Login: true, Workers: 1},
		"logins of 2.x":         {Version: "2.22.5", Login: true, Workers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := MLflow(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			if _, err := s.Run(t.Context(), Spec{Metrics: map[string]string{"auc": "0.9"}}); err != nil {
				t.Error(err)
			}
		})
	}
}
