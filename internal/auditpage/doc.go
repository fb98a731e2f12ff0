// Package auditpage writes an audit as one HTML file: data, one script and one style sheet.
//
// The page loads nothing from the network. Texts from MLflow are JSON inside elements that browsers do not execute, and
// the script shows them as text nodes.
package auditpage
