package iampolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is deeper than a policy can go (document, list, statement, Condition, operator, key, list) and keeps hostile
// input from exhausting the stack.
const maxDepth = 16

// Parse reads a policy document strictly. It refuses what encoding/json would let pass (unknown or wrongly cased
// elements, duplicate keys, null, trailing data) and what [Document.JSON] refuses. All faults are reported together, each
// with its path ("Statement[1].Effect: ...").
//
// A document without Version gets "2008-10-17", which is how IAM reads it: to make it "2012-10-17" would turn literal
// text such as ${aws:username} into policy variables.
func Parse(text string) (Document, error) {
	return parseDocument(text, func(*faults, Document) {})
}

// parseDocument reads a document and has it judged, so that the faults of both are reported together.
func parseDocument(text string, judge func(found *faults, d Document)) (Document, error) {
	var document Document
	err := parse([]byte(text), func(p *parser, value any) {
		document = p.document(value)
		checkDocument(&p.faults, document)
		judge(&p.faults, document)
	})
	if err != nil {
		return Document{}, err
	}
	return document, nil
}

// UnmarshalJSON reads as strictly as [Parse].
func (d *Document) UnmarshalJSON(data []byte) error {
	document, err := Parse(string(data))
	if err == nil {
		*d = document
	}
	return err
}

// UnmarshalJSON reads as strictly as [Parse].
func (s *Statement) UnmarshalJSON(data []byte) error {
	var statement Statement
	err := parse(data, func(p *parser, value any) { statement = p.statement("", value) })
	if err == nil {
		*s = statement
	}
	return err
}

// UnmarshalJSON reads "*" or an object of principals.
func (p *Principal) UnmarshalJSON(data []byte) error {
	var principal *Principal
	err := parse(data, func(p *parser, value any) {
		principal = p.principal("", value)
		checkPrincipal(&p.faults, "", principal)
	})
	if err == nil {
		*p = *principal
	}
	return err
}

// UnmarshalJSON reads a string or a list of strings.
func (s *Strings) UnmarshalJSON(data []byte) error {
	var list Strings
	err := parse(data, func(p *parser, value any) { list = p.strings("", value) })
	if err == nil {
		*s = list
	}
	return err
}

// parse decodes the text, hands it to read, and answers with every fault of both.
func parse(text []byte, read func(p *parser, value any)) error {
	p := &parser{decoder: json.NewDecoder(strings.NewReader(string(text)))}
	p.decoder.UseNumber()
	value, err := p.decode("", 0)
	if err != nil {
		return err
	}
	end := p.decoder.InputOffset()
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("trailing data after byte %d; one JSON value is expected", end)
	}
	read(p, value)
	return p.err()
}

type parser struct {
	faults
	decoder *json.Decoder
}

// object is a JSON object with its keys in the order of the text, so that faults are reported in that order.
type object struct {
	keys   []string
	values map[string]any
}

// decode reads one JSON value as *object, []any, string, json.Number, bool or nil. encoding/json's own objects would hide
// a duplicate key, and with it which of two conditions IAM is going to apply.
func (p *parser) decode(path string, depth int) (any, error) {
	token, err := p.decoder.Token()
	switch {
	case errors.Is(err, io.EOF) && p.decoder.InputOffset() == 0:
		return nil, errors.New("empty; a JSON policy document is expected")
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("not JSON: the text ends too early, at byte %d", p.decoder.InputOffset())
	case err != nil:
		return nil, fmt.Errorf("not JSON: %w, at byte %d", err, p.decoder.InputOffset())
	case depth > maxDepth:
		return nil, fmt.Errorf("nested more than %d levels deep; no policy is", maxDepth)
	}
	switch token {
	case json.Delim('{'):
		return p.decodeObject(path, depth)
	case json.Delim('['):
		return p.decodeList(path, depth)
	default:
		return token, nil
	}
}

func (p *parser) decodeObject(path string, depth int) (any, error) {
	result := &object{values: map[string]any{}}
	for p.decoder.More() {
		// The decoder itself refuses a key that is not a string.
		token, err := p.decode(path, depth+1)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprint(token)
		value, err := p.decode(child(path, key), depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := result.values[key]; twice {
			p.addf(child(path, key), "appears twice in one object")
			continue
		}
		result.keys = append(result.keys, key)
		result.values[key] = value
	}
	_, err := p.decode(path, depth) // the closing brace
	return result, err
}

func (p *parser) decodeList(path string, depth int) (any, error) {
	list := []any{}
	for p.decoder.More() {
		value, err := p.decode(item(path, len(list)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := p.decode(path, depth) // the closing bracket
	return list, err
}

// element is a known key of an object and what reads its value.
type element struct {
	name string
	read func(path string, value any)
}

// elements reads an object that may have only the known elements.
func (p *parser) elements(path string, value any, known ...element) {
	fields, ok := value.(*object)
	if !ok {
		p.addf(path, "must be an object, is %s", kind(value))
		return
	}
	names := make([]string, len(known))
	readers := make(map[string]func(string, any), len(known))
	for i, k := range known {
		names[i], readers[k.name] = k.name, k.read
	}
	for _, key := range fields.keys {
		if read, ok := readers[key]; ok {
			read(child(path, key), fields.values[key])
			continue
		}
		p.addf(child(path, key), "unknown element; known here (upper and lower case matter) are %s",
			strings.Join(names, ", "))
	}
}

func (p *parser) document(value any) Document {
	document := Document{Version: oldVersion}
	if _, ok := value.(*object); !ok {
		p.mark("Statement") // What is no document at all need not be told that it has no statements.
	}
	p.elements("", value,
		element{"Version", func(path string, v any) {
			if document.Version = p.text(path, v); document.Version == "" {
				p.addf(path, "is empty; use %q", currentVersion)
			}
		}},
		element{"Id", func(path string, v any) { document.ID = p.text(path, v) }},
		element{"Statement", func(path string, v any) { document.Statements = p.statements(path, v) }},
	)
	return document
}

func (p *parser) statements(path string, value any) []Statement {
	list, ok := value.([]any)
	if !ok {
		list = []any{value} // IAM takes a single statement without the list, too.
	}
	statements := make([]Statement, len(list))
	for i, v := range list {
		statements[i] = p.statement(item(path, i), v)
	}
	return statements
}

func (p *parser) statement(path string, value any) Statement {
	var s Statement
	if _, ok := value.(*object); !ok {
		// The checks would go on to miss every element of what is no statement at all.
		for _, name := range []string{"Effect", "Action", "Resource"} {
			p.mark(child(path, name))
		}
	}
	list := func(name string, into *Strings) element {
		return element{name, func(path string, v any) { *into = p.strings(path, v) }}
	}
	p.elements(path, value,
		element{"Sid", func(path string, v any) { s.Sid = p.text(path, v) }},
		element{"Effect", func(path string, v any) { s.Effect = Effect(p.text(path, v)) }},
		element{"Principal", func(path string, v any) { s.Principal = p.principal(path, v) }},
		element{"NotPrincipal", func(path string, v any) { s.NotPrincipal = p.principal(path, v) }},
		list("Action", &s.Actions),
		list("NotAction", &s.NotActions),
		list("Resource", &s.Resources),
		list("NotResource", &s.NotResources),
		element{"Condition", func(path string, v any) { s.Condition = p.condition(path, v) }},
	)
	checkStatement(&p.faults, path, s) // here, so that a statement's faults are reported together
	return s
}

func (p *parser) principal(path string, value any) *Principal {
	var principal Principal
	if text, ok := value.(string); ok {
		principal.Any = text == "*"
		if !principal.Any {
			p.addf(path, `%q is not a principal; use "*" or an object such as {"AWS": %q}`, text, text)
		}
		return &principal
	}
	list := func(name string, into *Strings) element {
		return element{name, func(path string, v any) { *into = p.strings(path, v) }}
	}
	before := len(p.errs)
	p.elements(path, value,
		list("AWS", &principal.AWS),
		list("Federated", &principal.Federated),
		list("Service", &principal.Service),
		list("CanonicalUser", &principal.CanonicalUser),
	)
	if len(p.errs) > before {
		p.mark(path) // What it names could not be read, so nothing is said of there being no names.
	}
	return &principal
}

func (p *parser) condition(path string, value any) Condition {
	condition := Condition{}
	p.pairs(path, value, func(path, operator string, value any) {
		keys := map[string]Strings{}
		p.pairs(path, value, func(path, key string, value any) {
			keys[key] = p.conditionValues(path, Operator(operator), value)
		})
		condition[Operator(operator)] = keys
	})
	return condition
}

// pairs reads an object whose keys are free.
func (p *parser) pairs(path string, value any, read func(path, key string, value any)) {
	fields, ok := value.(*object)
	if !ok {
		p.addf(path, "must be an object, is %s", kind(value))
		return
	}
	for _, key := range fields.keys {
		read(child(path, key), key, fields.values[key])
	}
}
