package cli

import (
	"encoding/base64"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// openPlaces are either read by other people without masking, or dropped by GitHub if they contain a secret.
var openPlaces = []string{
	"file output", "file found.sarif", "file inventory.csv", "file exceptions.csv", "state of GitHub",
}

// onPurpose lists the only fields on GitHub that contain the server's address: the source in an event, as described in
// docs/events.md, and the link of a deployment.
var onPurpose = []string{
	`"server": "` + address + `"`,
	`"environment_url": "` + address + "/#/models/",
}

// If the server's address is a secret, GitHub masks it in the log and the summary, and drops outputs that contain it.
// Therefore, no output, comment, SARIF file or CSV file contains the address or its host, and the log and the summary
// contain the address only in the form that GitHub masks. The HTML page contains the address on purpose.
func TestAddress_AsSecret(t *testing.T) {
	seed, err := os.ReadFile("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.Generate(strings.NewReader(canarySeed))
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{
		address, url.QueryEscape(address), strings.ReplaceAll(address, "/", `\/`),
		base64.StdEncoding.EncodeToString([]byte(address))[:20],
	}
	searched := map[string]int{}
	for command, args := range canaryCommands {
		for _, answer := range []string{"ok", "500", "401", "403", "redirect", "writes fail"} {
			r := canaryRun{canaryCase{}, command, args, answer, true, seed, key, func(where, text string) {
				searched[where]++
				for _, field := range onPurpose {
					text = strings.ReplaceAll(text, field, "")
				}
				for _, place := range openPlaces {
					if host := "mlflow.example"; where == place && strings.Contains(text, host) {
						at := strings.Index(text, host)
						t.Errorf("%s, %s: %s contains %s: %s", command, answer, where, host,
							text[max(0, at-80):min(len(text), at+80)])
					}
				}
				if where == "stdout" || where == "stderr" || where == "file summary" {
					text = strings.ReplaceAll(text, address, "***")
					for _, form := range forms {
						if strings.Contains(text, form) {
							t.Errorf("%s, %s: %s contains %s", command, answer, where, form)
						}
					}
				}
			}}
			r.run(t)
		}
	}
	for _, place := range append(openPlaces, "stdout", "file summary") {
		if searched[place] == 0 {
			t.Errorf("%s was never searched", place)
		}
	}
}
