"""A course of two notebooks and a package of two modules, for tests of the build."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CONFIG = """
title: small
only_build_toc_files: true
execute: {execute_notebooks: cache, timeout: 60, exclude_patterns: ["exercises/*"]}
html: {use_multitoc_numbering: false}
sphinx:
  extra_extensions: [tinyml_course.bookbuild.offline, tinyml_course.bookbuild.mathml]
  config: {html_math_renderer: mathml, nb_ipywidgets_js: {}}
"""
TOC = """
format: jb-book
root: index
chapters: [{glob: "chapters/*"}, {glob: "exercises/*"}]
"""
ADD = "import sys; sys.path.insert(0, '..')\nfrom small_package.add import add"


def write_notebook(path, *sources, prose="A formula: $s = 1$."):
    """Write a notebook of a title, `prose` and code cells named step-0, step-1, ..."""
    text = new_markdown_cell(f"# {path.stem}\n\n{prose}", id="title")
    codes = [new_code_cell(source, id=f"step-{i}") for i, source in enumerate(sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[text, *codes], metadata={"kernelspec": kernel}), path)


def write_course(folder):
    """Write the course into `folder`: notebook one adds two numbers, notebook two imports nothing.

    Returns
    -------
    Path
        Folder of its package.
    """
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "_toc.yml").write_text(TOC)
    (folder / "index.md").write_text("# Front\n\nStart.\n")
    package = folder / "small_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "add.py").write_text("def add(a, b):\n    return a + b\n")
    (package / "other.py").write_text("OTHER = 1\n")
    write_notebook(folder / "chapters/one.ipynb", ADD, "print('one is', add(0, 1))")
    write_notebook(folder / "chapters/two.ipynb", "x = 2", "print('two is', x)")
    write_notebook(folder / "exercises/task.ipynb", "raise NotImplementedError")
    return package
