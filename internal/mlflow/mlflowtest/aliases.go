package mlflowtest

import "slices"

// aliases keep the order in which they were first set.
type aliases []alias

type alias struct {
	name    string
	version int64
}

func (a *aliases) put(name string, version int64) {
	for i := range *a {
		if (*a)[i].name == name {
			(*a)[i].version = version
			return
		}
	}
	*a = append(*a, alias{name, version})
}

func (a *aliases) dropVersion(version int64) {
	*a = slices.DeleteFunc(*a, func(e alias) bool { return e.version == version })
}

func (a aliases) of(version int64) []string {
	var out []string
	for _, e := range a {
		if e.version == version {
			out = append(out, e.name)
		}
	}
	return out
}

// setAlias points an alias to an existing version. It changes no timestamp.
func setAlias(c *call) (any, error) {
	name, a := c.in.str("name"), c.in.str("alias")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	if err := checkAliasFree(a); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	putAlias(c, v.model, a, v.number)
	return struct{}{}, nil
}

func deleteAlias(c *call) (any, error) {
	name, a := c.in.str("name"), c.in.str("alias")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	removeAlias(c, m, a)
	return struct{}{}, nil
}

func getAlias(c *call) (any, error) {
	v, err := resolveAlias(c, c.in.str("name"), c.in.str("alias"))
	if err != nil {
		return nil, err
	}
	return versionAnswer(c, v)
}

// resolveAlias returns the version that an alias points to. The version may be deleted.
func resolveAlias(c *call, name, a string) (*version, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	if c.sw.latestAlias && isLatest(a) {
		return latestOf(c, name)
	}
	m, ok := modelNamed(c, name)
	if !ok && c.sw.aliasNeedsModel {
		return nil, missing("Registered Model with name=%s not found", name)
	}
	if ok {
		if n, ok := findAlias(c, m, a); ok {
			return findVersion(c, name, digits(n))
		}
	}
	return nil, invalid("Registered model alias %s not found.", a)
}

func latestOf(c *call, name string) (*version, error) {
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	newest := m.latest()
	if len(newest) == 0 {
		return nil, missing("Latest version not found for model %s.", name)
	}
	return newest[len(newest)-1], nil
}
