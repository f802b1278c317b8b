"""Interactive TinyML course: the package that the notebooks call.

Importing it is cheap and never loads TensorFlow; import the subpackage that
the chapter names (`tinyml_course.data`, `tinyml_course.device`, ...).
"""

__version__ = "0.1.0"
