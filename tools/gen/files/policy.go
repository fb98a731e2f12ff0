package files

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

func gateTable() string { return policy.Table() }

// gateSections returns a section for each gate, with its keys and an example.
func gateSections() string { return policy.Sections() }

// policySchema returns the JSON schema of the policy file.
func policySchema() ([]byte, error) { return policy.Schema(rules.Rules()...), nil }
