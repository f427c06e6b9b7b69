package explain

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// row is one entry of the page: what it is about on the left, what became of it on
// the right. Both wrap inside their columns.
type row struct {
	indent int
	hang   int // further indent of wrapped lines on the left
	left   string
	right  string

	leftStyle, rightStyle lipgloss.Style
}

// page lays rows out in two columns.
type page struct {
	width int
	color bool
	rows  []row
}

func (p *page) add(r row) { p.rows = append(p.rows, r) }

func (p *page) blank() {
	if n := len(p.rows); n > 0 && p.rows[n-1].left != "" {
		p.add(row{})
	}
}

// gap is the least space between the columns.
const gap = 2

// column returns the width of the left column: as wide as its widest entry, within
// a share of the page.
func (p *page) column() int {
	least, most := p.width*2/5, p.width*11/20
	w := least
	for _, r := range p.rows {
		if r.right != "" {
			w = max(w, r.indent+lipgloss.Width(r.left))
		}
	}
	return min(w, most)
}

// write prints the page.
func (p *page) write(w io.Writer) error {
	var out strings.Builder
	col := p.column()
	for i := range p.rows {
		p.writeRow(&out, &p.rows[i], col)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (p *page) writeRow(out *strings.Builder, r *row, col int) {
	leftWidth := col
	if r.right == "" {
		leftWidth = p.width
	}
	left := wrap(r.left, leftWidth-r.indent, leftWidth-r.indent-r.hang)
	right := wrap(r.right, p.width-col-gap, p.width-col-gap)
	// What does not fit beside stands below.
	below := r.right != "" && widest(left, r.hang) > leftWidth-r.indent
	if below {
		left = wrap(r.left, p.width-r.indent, p.width-r.indent-r.hang)
		right = append(make([]string, len(left)), right...)
	}
	for i := range max(len(left), len(right), 1) {
		var l, rt string
		pad := r.indent
		if i < len(left) {
			l = left[i]
		}
		if i > 0 {
			pad += r.hang
		}
		if i < len(right) {
			rt = right[i]
		}
		p.line(out, r, pad, l, rt, col)
	}
}

func (p *page) line(out *strings.Builder, r *row, pad int, left, right string, col int) {
	if left == "" && right == "" {
		out.WriteByte('\n')
		return
	}
	used := 0
	if left != "" {
		out.WriteString(strings.Repeat(" ", pad))
		out.WriteString(p.style(r.leftStyle, left))
		used = pad + lipgloss.Width(left)
	}
	if right != "" {
		out.WriteString(strings.Repeat(" ", max(col+gap-used, 1)))
		out.WriteString(p.style(r.rightStyle, right))
	}
	out.WriteByte('\n')
}

func (p *page) style(s lipgloss.Style, text string) string {
	if !p.color {
		return text
	}
	return s.Render(text)
}

// wrap breaks text at spaces so that the first line fits first cells and the others
// rest. A word that is longer than a line stays whole.
func wrap(text string, first, rest int) []string {
	if text == "" {
		return nil
	}
	var lines []string
	line, room := "", first
	// Leading spaces of a label column are part of the first word.
	for i, word := range splitWords(text) {
		if i > 0 && line != "" && lipgloss.Width(line)+lipgloss.Width(word) > room {
			lines = append(lines, strings.TrimRight(line, " "))
			line, room = strings.TrimLeft(word, " "), rest
			continue
		}
		line += word
	}
	return append(lines, strings.TrimRight(line, " "))
}

// splitWords cuts text before each run of spaces.
func splitWords(text string) []string {
	var words []string
	start := 0
	for i := 1; i < len(text); i++ {
		if text[i] == ' ' && text[i-1] != ' ' {
			words = append(words, text[start:i])
			start = i
		}
	}
	return append(words, text[start:])
}

func widest(lines []string, hang int) int {
	w := 0
	for i, l := range lines {
		n := lipgloss.Width(l)
		if i > 0 {
			n += hang
		}
		w = max(w, n)
	}
	return w
}
