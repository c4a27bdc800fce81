"""The command `strongroom`: options in, one call, words out.

`main` lists the commands and loads one when it is typed, `boundary` turns every error into a
sentence and an exit status. A command's own module holds no work: it reads options, calls one
function of the package and prints what comes back. Heavy imports stand inside the function, so that
`--help` needs none of them.
"""
