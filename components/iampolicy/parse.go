package iampolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// maxDepth is deeper than a policy can go (document, list, statement, Condition, operator, key, list) and keeps hostile
// input from exhausting the stack.
const maxDepth = 16

// Parse reads a policy document strictly. It refuses what encoding/json would let pass (unknown or wrongly cased
// elements, duplicate keys, null, trailing data) and what [Document.JSON] refuses. All errors are reported together, each
// with its path ("Statement[1].Effect: ...").
//
// A document without Version gets "2008-10-17", which is how IAM reads it: to make it "2012-10-17" would turn literal
// text such as ${aws:username} into policy variables.
func Parse(text string) (Document, error) {
	return parseDocument(text, func(*fielderr.List, Document) {})
}

// parseDocument reads a document and has it judged, so that the errors of both are reported together.
func parseDocument(text string, judge func(found *fielderr.List, d Document)) (Document, error) {
	var document Document
	err := parse([]byte(text), func(p *parser, value any) {
		document = p.document(value)
		p.Add("", checkDocument(document))
		judge(&p.List, document)
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
		p.Add("", checkPrincipal(principal))
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

// parse decodes the text, hands it to read, and answers with every error of both.
func parse(text []byte, read func(p *parser, value any)) error {
	p := &parser{List: fielderr.List{OnePerPath: true}, decoder: json.NewDecoder(strings.NewReader(string(text)))}
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
	return p.Err()
}

type parser struct {
	fielderr.List
	decoder *json.Decoder
}

// object is a JSON object with its keys in the order of the text, so that errors are reported in that order.
type object struct {
	keys   []string
	values map[string]any
}

// decode reads one JSON value as *object, []any, string, json.Number, bool or nil. encoding/json's own objects would hide
// a duplicate key, and with it which of two conditions IAM is going to apply.
func (p *parser) decode(path fielderr.Path, depth int) (any, error) {
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

func (p *parser) decodeObject(path fielderr.Path, depth int) (any, error) {
	result := &object{values: map[string]any{}}
	for p.decoder.More() {
		// The decoder itself refuses a key that is not a string.
		token, err := p.decode(path, depth+1)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprint(token)
		value, err := p.decode(path.Key(key), depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := result.values[key]; twice {
			p.Addf(path.Key(key), "appears twice in one object")
			continue
		}
		result.keys = append(result.keys, key)
		result.values[key] = value
	}
	_, err := p.decode(path, depth) // the closing brace
	return result, err
}

func (p *parser) decodeList(path fielderr.Path, depth int) (any, error) {
	list := []any{}
	for p.decoder.More() {
		value, err := p.decode(path.Index(len(list)), depth+1)
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
	read func(path fielderr.Path, value any)
}

// elements reads an object that may have only the known elements.
func (p *parser) elements(path fielderr.Path, value any, known ...element) {
	fields, ok := value.(*object)
	if !ok {
		p.Addf(path, "must be an object, is %s", kind(value))
		return
	}
	names := make([]string, len(known))
	readers := make(map[string]func(fielderr.Path, any), len(known))
	for i, k := range known {
		names[i], readers[k.name] = k.name, k.read
	}
	for _, key := range fields.keys {
		if read, ok := readers[key]; ok {
			read(path.Key(key), fields.values[key])
			continue
		}
		p.Addf(path.Key(key), "unknown element; known here (upper and lower case matter) are %s",
			strings.Join(names, ", "))
	}
}

func (p *parser) document(value any) Document {
	document := Document{Version: oldVersion}
	if _, ok := value.(*object); !ok {
		p.Silence("Statement") // What is no document at all need not be told that it has no statements.
	}
	p.elements("", value,
		element{"Version", func(path fielderr.Path, v any) {
			if document.Version = p.text(path, v); document.Version == "" {
				p.Addf(path, "is empty; use %q", currentVersion)
			}
		}},
		element{"Id", func(path fielderr.Path, v any) { document.ID = p.text(path, v) }},
		element{"Statement", func(path fielderr.Path, v any) { document.Statements = p.statements(path, v) }},
	)
	return document
}

func (p *parser) statements(path fielderr.Path, value any) []Statement {
	list, ok := value.([]any)
	if !ok {
		list = []any{value} // IAM takes a single statement without the list, too.
	}
	statements := make([]Statement, len(list))
	for i, v := range list {
		statements[i] = p.statement(path.Index(i), v)
	}
	return statements
}

func (p *parser) statement(path fielderr.Path, value any) Statement {
	var s Statement
	if _, ok := value.(*object); !ok {
		// The checks would go on to miss every element of what is no statement at all.
		for _, name := range []string{"Effect", "Action", "Resource"} {
			p.Silence(path.Key(name))
		}
	}
	list := func(name string, into *Strings) element {
		return element{name, func(path fielderr.Path, v any) { *into = p.strings(path, v) }}
	}
	p.elements(path, value,
		element{"Sid", func(path fielderr.Path, v any) { s.Sid = p.text(path, v) }},
		element{"Effect", func(path fielderr.Path, v any) { s.Effect = Effect(p.text(path, v)) }},
		element{"Principal", func(path fielderr.Path, v any) { s.Principal = p.principal(path, v) }},
		element{"NotPrincipal", func(path fielderr.Path, v any) { s.NotPrincipal = p.principal(path, v) }},
		list("Action", &s.Actions),
		list("NotAction", &s.NotActions),
		list("Resource", &s.Resources),
		list("NotResource", &s.NotResources),
		element{"Condition", func(path fielderr.Path, v any) { s.Condition = p.condition(path, v) }},
	)
	if p.Has(path.Key("NotAction")) {
		p.Silence(path.Key("Action")) // There is one of the two, though it could not be read.
	}
	p.Add(path, checkStatement(s)) // here, so that a statement's errors are reported together
	return s
}

func (p *parser) principal(path fielderr.Path, value any) *Principal {
	var principal Principal
	if text, ok := value.(string); ok {
		principal.Any = text == "*"
		if !principal.Any {
			p.Addf(path, `%q is not a principal; use "*" or an object such as {"AWS": %q}`, text, text)
		}
		return &principal
	}
	list := func(name string, into *Strings) element {
		return element{name, func(path fielderr.Path, v any) { *into = p.strings(path, v) }}
	}
	before := p.Len()
	p.elements(path, value,
		list("AWS", &principal.AWS),
		list("Federated", &principal.Federated),
		list("Service", &principal.Service),
		list("CanonicalUser", &principal.CanonicalUser),
	)
	if p.Len() > before {
		p.Silence(path) // What it names could not be read, so nothing is said of there being no names.
	}
	return &principal
}

func (p *parser) condition(path fielderr.Path, value any) Condition {
	condition := Condition{}
	p.pairs(path, value, func(path fielderr.Path, operator string, value any) {
		keys := map[string]Strings{}
		p.pairs(path, value, func(path fielderr.Path, key string, value any) {
			keys[key] = p.conditionValues(path, Operator(operator), value)
		})
		condition[Operator(operator)] = keys
	})
	return condition
}

// pairs reads an object whose keys are free.
func (p *parser) pairs(path fielderr.Path, value any, read func(path fielderr.Path, key string, value any)) {
	fields, ok := value.(*object)
	if !ok {
		p.Addf(path, "must be an object, is %s", kind(value))
		return
	}
	for _, key := range fields.keys {
		read(path.Key(key), key, fields.values[key])
	}
}
