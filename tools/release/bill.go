package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The parts of SPDX 2.3 that a bill of materials uses.
type (
	spdxDocument struct {
		Version   string `json:"spdxVersion"`
		License   string `json:"dataLicense"`
		ID        string `json:"SPDXID"`
		Name      string `json:"name"`
		Namespace string `json:"documentNamespace"`
		Creation  struct {
			Created  string   `json:"created"`
			Creators []string `json:"creators"`
		} `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []spdxRelation `json:"relationships"`
	}
	spdxPackage struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"name"`
		Version   string         `json:"versionInfo"`
		Download  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		Concluded string         `json:"licenseConcluded"`
		Declared  string         `json:"licenseDeclared"`
		Copyright string         `json:"copyrightText"`
		File      string         `json:"packageFileName,omitempty"`
		Checksums []spdxChecksum `json:"checksums,omitempty"`
		Refs      []spdxRef      `json:"externalRefs,omitempty"`
		Purpose   string         `json:"primaryPackagePurpose"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		Kind string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

// bill returns the bill of materials for a compiled program, in SPDX 2.3. It lists the modules that are recorded in the
// executable itself.
func (r release) bill(p platform, file, digest string) ([]byte, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	const none = "NOASSERTION"
	folder := r.folder(p)
	var doc spdxDocument
	doc.Version, doc.License, doc.ID, doc.Name = "SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT", folder
	doc.Namespace = fmt.Sprintf("%s/releases/download/%s/%s.spdx.json#%s", repository, r.version, folder, digest)
	doc.Creation.Created = r.time.Format(time.RFC3339)
	doc.Creation.Creators = []string{"Tool: mlflow-promote-release-" + r.version}
	const self = "SPDXRef-Program"
	doc.Packages = append(doc.Packages, spdxPackage{
		ID: self, Name: program, Version: r.version, Concluded: "Apache-2.0", Declared: "Apache-2.0", Copyright: none,
		Download: fmt.Sprintf("%s/releases/download/%s/%s", repository, r.version, p.archive(folder)),
		File:     folder + "/" + p.binary(), Checksums: []spdxChecksum{{"SHA256", digest}}, Purpose: "APPLICATION",
		Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + info.Main.Path + "@" + r.version}},
	})
	doc.Relationships = append(doc.Relationships, spdxRelation{doc.ID, "DESCRIBES", self})
	add := func(path, version, download string) {
		id := fmt.Sprintf("SPDXRef-Module-%d", len(doc.Packages))
		doc.Packages = append(doc.Packages, spdxPackage{
			ID: id, Name: path, Version: version, Concluded: none, Declared: none, Copyright: none,
			Download: download, Purpose: "LIBRARY",
			Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}},
		})
		doc.Relationships = append(doc.Relationships, spdxRelation{self, "CONTAINS", id})
	}
	add("stdlib", strings.TrimPrefix(info.GoVersion, "go"), "https://go.dev/dl/")
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version, fmt.Sprintf("https://proxy.golang.org/%s/@v/%s.zip", m.Path, m.Version))
	}
	out, err := json.MarshalIndent(doc, "", " ")
	return append(out, '\n'), err
}
