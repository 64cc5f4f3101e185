"""ROOM: the commands. Each file holds one function, whose signature is what the command takes.

A command's parameters become its options through tyro, its docstring becomes its help, and its
first line the entry in `clara --help`. A function of one parameter named `arguments` takes the
words of the command line as they are, for commands whose options depend on an earlier word.
Nothing heavy is imported at the top of a file here, so that help is quick.
"""
