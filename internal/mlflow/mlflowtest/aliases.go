package mlflowtest

import "slices"

// aliases keep the order they were first set in.
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

// setAlias points an alias at a version that exists. It changes no timestamp.
func setAlias(c *call) (any, error) {
	name, a := c.in.str("name"), c.in.str("alias")
	if err := c.checkModelName(name); err != nil {
		return nil, err
	}
	if err := c.checkAlias(a); err != nil {
		return nil, err
	}
	if err := checkAliasFree(a); err != nil {
		return nil, err
	}
	v, err := c.findVersion()
	if err != nil {
		return nil, err
	}
	c.putAlias(v.model, a, v.number)
	return struct{}{}, nil
}

func deleteAlias(c *call) (any, error) {
	name, a := c.in.str("name"), c.in.str("alias")
	if err := c.checkModelName(name); err != nil {
		return nil, err
	}
	if err := c.checkAlias(a); err != nil {
		return nil, err
	}
	m, err := c.model(name)
	if err != nil {
		return nil, err
	}
	c.removeAlias(m, a)
	return struct{}{}, nil
}

func getAlias(c *call) (any, error) {
	v, err := c.resolveAlias(c.in.str("name"), c.in.str("alias"))
	if err != nil {
		return nil, err
	}
	return c.oneVersion(v)
}

// resolveAlias follows an alias to its version, which may be gone.
func (c *call) resolveAlias(name, a string) (*version, error) {
	if err := c.checkModelName(name); err != nil {
		return nil, err
	}
	if err := c.checkAlias(a); err != nil {
		return nil, err
	}
	if c.sw.latestAlias && isLatest(a) {
		return c.latestOf(name)
	}
	m, ok := c.held(name)
	if !ok && c.sw.aliasNeedsModel {
		return nil, missing("Registered Model with name=%s not found", name)
	}
	if ok {
		if n, ok := c.aliasHeld(m, a); ok {
			return c.versionOf(name, digits(n))
		}
	}
	return nil, invalid("Registered model alias %s not found.", a)
}

func (c *call) latestOf(name string) (*version, error) {
	m, err := c.model(name)
	if err != nil {
		return nil, err
	}
	newest := m.latest()
	if len(newest) == 0 {
		return nil, missing("Latest version not found for model %s.", name)
	}
	return newest[len(newest)-1], nil
}
