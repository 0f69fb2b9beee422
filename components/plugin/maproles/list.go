package maproles

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// list is a mapRoles text with the place of each of its elements.
type list struct {
	text     string
	elements []element

	flow   bool
	open   int   // flow: where the "[" is
	commas []int // flow: the separators, in order

	indent  string // block: what stands before each "-"
	newline string // block: the text's own line break
	tail    int    // block: where a further element goes
}

// element is one item of the list: its value, its place, and the role mapping that it is, if it is one.
type element struct {
	span
	value  string // as JSON, for comparison
	entry  Entry
	isRole bool
}

// span is a half-open range of bytes.
type span struct{ start, end int }

func parse(text string) (*list, error) {
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	l := &list{text: text, newline: "\n"}
	if strings.Contains(text, "\r\n") {
		l.newline = "\r\n"
	}
	switch {
	case root == nil: // nothing, or only comments
		root = &yaml.Node{Kind: yaml.SequenceNode, Column: 1}
	case root.Kind != yaml.SequenceNode:
		return nil, fmt.Errorf("line %d: it must be a list of role mappings, but is %s", root.Line, describe(root))
	}
	var spans []span
	if l.flow = root.Style&yaml.FlowStyle != 0; l.flow {
		spans, err = l.flowSpans(root)
	} else {
		spans, err = l.blockSpans(root)
	}
	if err != nil {
		return nil, err
	}
	values, err := meanings(text)
	if err != nil {
		return nil, err
	}
	if len(values) != len(spans) {
		return nil, errLayout
	}
	for i, value := range values {
		item := element{span: spans[i], value: string(value)}
		item.entry, item.isRole = entryOf(value)
		l.elements = append(l.elements, item)
	}
	return l, nil
}

// document is the root of the one YAML document in text, nil if there is none or it is empty.
func document(text string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errors.New("it holds more than one YAML document")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.Value == "" && root.Style == 0 && root.Anchor == "" {
		return nil, nil
	}
	return root, nil
}

func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.ScalarNode:
		return fmt.Sprintf("the scalar %.40q", node.Value)
	default:
		return "no list"
	}
}

var errLayout = errors.New("its layout is not one that can be edited safely: write the list in plain block style first")

// blockSpans finds the elements by the dashes in the list's column, from the dash to the last line that has content: blank
// lines and comments between two elements belong to neither. It sets where a further element goes.
func (l *list) blockSpans(sequence *yaml.Node) ([]span, error) {
	l.indent = strings.Repeat(" ", sequence.Column-1)
	l.tail = len(l.text)
	var spans []span
	var firstLines []int
	for i, line := range lines(l.text) {
		content := l.text[line.start:line.end]
		rest, indented := strings.CutPrefix(content, l.indent)
		switch {
		case endsDocument(content):
			l.tail = min(l.tail, line.start)
		case l.tail < len(l.text):
			// Comments after the document.
		case indented && isIndicator(rest, '-') && len(sequence.Content) > 0:
			spans = append(spans, line)
			firstLines = append(firstLines, i+1)
		case len(spans) > 0 && !isBlankOrComment(content):
			spans[len(spans)-1].end = line.end
		}
	}
	// A dash can also begin a continuation line of a quoted scalar. The nodes tell: each must start inside its span.
	if len(spans) != len(sequence.Content) {
		return nil, errLayout
	}
	for i, node := range sequence.Content {
		if node.Line < firstLines[i] || i+1 < len(spans) && node.Line >= firstLines[i+1] {
			return nil, errLayout
		}
	}
	return spans, nil
}

// flowSpans finds the elements of a list in brackets, and its commas.
func (l *list) flowSpans(sequence *yaml.Node) ([]span, error) {
	line := lines(l.text)[sequence.Line-1]
	l.open = line.start
	for range sequence.Column - 1 { // a column counts characters
		_, size := utf8.DecodeRuneInString(l.text[l.open:])
		l.open += size
	}
	spans, closed := l.scanFlow()
	if !closed || len(spans) != len(sequence.Content) {
		return nil, errLayout
	}
	return spans, nil
}

// scanFlow walks from the opening bracket to the closing one, over quoted scalars, comments and nested collections.
func (l *list) scanFlow() (spans []span, closed bool) {
	if l.open >= len(l.text) || l.text[l.open] != '[' {
		return nil, false
	}
	depth, current := 1, span{start: -1}
	flush := func() {
		if current.start >= 0 {
			spans = append(spans, current)
		}
		current = span{start: -1}
	}
	for i := l.open + 1; i < len(l.text); {
		size := 1
		switch c := l.text[i]; {
		case isSpace(c):
			i++
			continue
		case c == '#' && isSpace(l.text[i-1]):
			i += len(comment.FindString(l.text[i:]))
			continue
		case c == ',' && depth == 1:
			flush()
			l.commas = append(l.commas, i)
			i++
			continue
		case (c == '"' || c == '\'') && beginsToken(l.text[i-1]):
			size = max(1, len(quotedScalar.FindString(l.text[i:])))
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				flush()
				return spans, true
			}
		}
		if current.start < 0 {
			current.start = i
		}
		i += size
		current.end = i
	}
	return nil, false
}

var (
	comment      = regexp.MustCompile(`^#[^\r\n]*`)
	quotedScalar = regexp.MustCompile(`^(?s:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')`)
	// lineBreak has every break that YAML 1.1 knows, as the parser that counts the lines does.
	lineBreak     = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")
	finalBreak    = regexp.MustCompile("(?:\r\n|[\n\r\u0085\u2028\u2029])\\z")
	documentEnd   = regexp.MustCompile(`^\.\.\.(?:\s|\z)`)
	blankOrRemark = regexp.MustCompile(`^\s*(?:#|\z)`)
)

// lines are the spans of the text's lines, line breaks included.
func lines(text string) []span {
	var spans []span
	start := 0
	for _, found := range lineBreak.FindAllStringIndex(text, -1) {
		spans = append(spans, span{start, found[1]})
		start = found[1]
	}
	if start < len(text) {
		spans = append(spans, span{start, len(text)})
	}
	return spans
}

func endsInBreak(text string) bool      { return finalBreak.MatchString(text) }
func trimBreak(text string) string      { return finalBreak.ReplaceAllString(text, "") }
func endsDocument(line string) bool     { return documentEnd.MatchString(line) }
func isBlankOrComment(line string) bool { return blankOrRemark.MatchString(line) }
func isSpace(c byte) bool               { return strings.IndexByte(" \t\r\n", c) >= 0 }
func beginsToken(previous byte) bool    { return strings.IndexByte(" \t\r\n[{,:", previous) >= 0 }
func isIndicator(line string, c byte) bool {
	return line != "" && line[0] == c && (len(line) == 1 || isSpace(line[1]))
}

// find gives the indexes of the elements that match.
func (l *list) find(match func(Entry) bool) []int {
	var found []int
	for i, item := range l.elements {
		if item.isRole && match(item.entry) {
			found = append(found, i)
		}
	}
	return found
}

func (l *list) entries(match func(Entry) bool) []Entry {
	var entries []Entry
	for _, i := range l.find(match) {
		entries = append(entries, l.elements[i].entry)
	}
	return entries
}

// valuesExcept are the values of all elements but those that match.
func (l *list) valuesExcept(match func(Entry) bool) []string {
	var values []string
	for _, item := range l.elements {
		if !item.isRole || !match(item.entry) {
			values = append(values, item.value)
		}
	}
	return values
}

// insert is the text with one more element at the end of the list. A text without a final line break stays without one, so
// that cutting the element again gives the very same text.
func (l *list) insert(entry Entry) string {
	if l.flow {
		if len(l.elements) == 0 {
			return l.text[:l.open+1] + entry.flow() + l.text[l.open+1:]
		}
		at := l.elements[len(l.elements)-1].end
		return l.text[:at] + ", " + entry.flow() + l.text[at:]
	}
	head, rest := l.text[:l.tail], l.text[l.tail:]
	block := entry.block(l.indent, l.newline)
	if head != "" && !endsInBreak(head) {
		return head + l.newline + trimBreak(block) + rest
	}
	return head + block + rest
}

// replace is the text with the entry in place of element i.
func (l *list) replace(i int, entry Entry) string {
	at := l.elements[i]
	replacement := entry.flow()
	if !l.flow {
		replacement = entry.block(l.indent, l.newline)
		if !endsInBreak(l.text[at.start:at.end]) {
			replacement = trimBreak(replacement)
		}
	}
	return l.text[:at.start] + replacement + l.text[at.end:]
}

// cut is the text without element i.
func (l *list) cut(i int) string {
	at := l.elements[i]
	if l.flow {
		return l.cutFlow(i)
	}
	head, rest := l.text[:at.start], l.text[at.end:]
	if rest == "" && !endsInBreak(l.text) {
		head = trimBreak(head)
	}
	return head + rest
}

// cutFlow also takes the comma before the element, or after it if it is the first. Comments between the two stay.
func (l *list) cutFlow(i int) string {
	at := l.elements[i]
	head, rest := l.text[:at.start], l.text[at.end:]
	switch {
	case i > 0:
		comma := l.commas[i-1]
		between := head[comma+1:]
		if strings.TrimSpace(between) == "" {
			between = ""
		}
		return head[:comma] + between + rest
	case len(l.commas) > 0:
		comma := l.commas[0] - at.end
		between, after := rest[:comma], rest[comma+1:]
		if strings.TrimSpace(between) == "" {
			between, after = "", strings.TrimLeft(after, " ")
		}
		return head + between + after
	default:
		return head + rest
	}
}
