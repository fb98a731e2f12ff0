package modelparts

import (
	"fmt"
	"slices"
	"strings"
)

// Resources lists what an MLmodel file declares that the model needs at the time of serving, as kind:name. It reads the
// keys `resources` and `auth_policy`. unclear says what is not understood, because a resource could hide there.
func Resources(resources, authPolicy any) (found []string, unclear string) {
	found, unclear = declared(resources)
	if authPolicy == nil || unclear != "" {
		return sorted(found), unclear
	}
	policy, ok := authPolicy.(map[string]any)
	if !ok {
		return sorted(found), "auth_policy is not a mapping"
	}
	for _, key := range keys(policy) {
		part, ok := policy[key].(map[string]any)
		switch {
		case policy[key] == nil:
		case !ok:
			unclear = key + " is not a mapping"
		case key == "system_auth_policy":
			more, why := declared(part["resources"])
			found, unclear = append(found, more...), why
		case key == "user_auth_policy":
			more, why := scopes(part["api_scopes"])
			found, unclear = append(found, more...), why
		default:
			unclear = fmt.Sprintf("unknown key %.50q in auth_policy", key)
		}
		if unclear != "" {
			break
		}
	}
	return sorted(found), unclear
}

// declared lists resources in the form that MLflow writes: by platform, then by kind, each with a name.
func declared(resources any) (found []string, unclear string) {
	if resources == nil {
		return nil, ""
	}
	platforms, ok := resources.(map[string]any)
	if !ok {
		return nil, "resources is not a mapping"
	}
	for _, platform := range keys(platforms) {
		if platform == "api_version" {
			if version := fmt.Sprint(platforms[platform]); version != "1" {
				return found, fmt.Sprintf("resources have the unknown version %.20q", version)
			}
			continue
		}
		kinds, ok := platforms[platform].(map[string]any)
		if !ok {
			return found, fmt.Sprintf("the resources of %.50q are not a mapping", platform)
		}
		for _, kind := range keys(kinds) {
			list, ok := kinds[kind].([]any)
			if strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_") != "" {
				return found, fmt.Sprintf("unknown kind of resource %.50q", kind)
			}
			if !ok {
				return found, fmt.Sprintf("the resources of the kind %.50q are not a list", kind)
			}
			for _, item := range list {
				resource, _ := item.(map[string]any)
				name, _ := resource["name"].(string)
				if name == "" {
					return found, fmt.Sprintf("a resource of the kind %.50q has no name", kind)
				}
				found = append(found, kind+":"+name)
			}
		}
	}
	return found, ""
}

func scopes(value any) (found []string, unclear string) {
	if value == nil {
		return nil, ""
	}
	list, ok := value.([]any)
	if !ok {
		return nil, "api_scopes is not a list"
	}
	for _, item := range list {
		name, ok := item.(string)
		if !ok || name == "" {
			return found, "a scope is not a text"
		}
		found = append(found, "scope:"+name)
	}
	return found, ""
}

func keys(m map[string]any) (out []string) {
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
