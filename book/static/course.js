// The theme binds its first button that opens the contents, and that one stands in the header,
// which this book hides: take it away, so that the button above the text is the first.
for (const button of document.querySelectorAll(".bd-header .sidebar-toggle")) button.remove();
