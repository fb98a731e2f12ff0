package cli

import "context"

// runs has the function of each command.
var runs = map[string]func(*session, context.Context){
	"promote":        (*session).promote,
	"register":       (*session).register,
	"validate":       (*session).validate,
	"alias":          (*session).alias,
	"rollback":       (*session).rollback,
	"history":        (*session).history,
	"doctor":         (*session).doctor,
	"compare":        (*session).compare,
	"lineage":        (*session).lineage,
	"audit":          (*session).audit,
	"policy check":   (*session).policyCheck,
	"policy explain": (*session).policyExplain,
	"policy test":    (*session).policyTest,
}
