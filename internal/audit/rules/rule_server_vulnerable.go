package rules

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var serverVulnerable = rule{
	Rule: audit.Rule{
		ID:       "server-vulnerable",
		Title:    "Server version has known vulnerabilities",
		Severity: audit.High,
		Why: "Anybody who can reach the server may read its files, bypass its logins or run code on it, and so " +
			"change any model. The list of vulnerabilities is built into this tool and can be out of date, so a " +
			"server without findings is not proven safe.",
		Fix: "upgrade MLflow",
	},
	server: func(s server) []result {
		if s.version == "" {
			return []result{{unjudged: true, message: "the server does not report its version"}}
		}
		var ids, known []string
		fixed := ""
		for _, a := range Advisories {
			if a.affects(s.version) {
				ids, known = append(ids, a.ID), append(known, a.ID+" ("+a.What+")")
				if fixed == "" || before(fixed, a.Fixed[len(a.Fixed)-1]) {
					fixed = a.Fixed[len(a.Fixed)-1]
				}
			}
		}
		if len(ids) == 0 {
			return nil
		}
		return []result{{
			key: strings.Join(ids, " "), message: fmt.Sprintf("MLflow %s has %s", s.version, strings.Join(known, ", ")),
			fix: "upgrade to MLflow " + fixed + " or later, which fixes all of these",
		}}
	},
}
