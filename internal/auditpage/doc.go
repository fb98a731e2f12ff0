// Package auditpage writes an audit as a single HTML file that contains the data, a script and a style sheet.
//
// The page loads nothing from the network. Strings from MLflow are stored as JSON in elements that browsers do not
// execute, and the script displays them as text nodes.
package auditpage
