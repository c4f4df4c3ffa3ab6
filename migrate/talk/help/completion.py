"""Completion scripts for shells. They are made from the commands and hold all words, so Tab does not start Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.talk.help.command_tree import CommandEntry

INSTALL = {
    "bash": "migrate completion bash >> ~/.bashrc",
    "zsh": "mkdir -p ~/.zfunc && migrate completion zsh > ~/.zfunc/_migrate"
    " && echo 'fpath+=~/.zfunc; autoload -Uz compinit && compinit' >> ~/.zshrc",
    "fish": "migrate completion fish > ~/.config/fish/completions/migrate.fish",
    "powershell": "migrate completion powershell >> $PROFILE",
}
"""The command that installs the script, by shell. It takes effect in the next window."""


def completion_script(shell: str, root: CommandEntry) -> str:
    """The script for one of the shells of INSTALL."""
    make = {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[shell]
    return make(root)


def _words(command: CommandEntry, root: CommandEntry) -> Iterator[tuple[str, str]]:
    """What can follow a command, each with its description."""
    for below in command.subcommands:
        yield below.words[-1], below.summary
    for choice in command.choices:
        yield choice, ""
    if command.words == ("help",):
        yield from ((below.words[-1], below.summary) for below in root.subcommands)
    for option in command.options:
        yield from ((name, option.help) for name in option.names if name.startswith("--"))


def _paths(root: CommandEntry) -> list[str]:
    """Every command as it is typed, without `migrate`."""
    return [" ".join(command.words) for command in root.walk() if command.words]


def _value_options(root: CommandEntry, *, paths: bool | None = None) -> list[str]:
    """Options that a value follows; only those whose value is a path or is none, if asked."""
    found = [
        name
        for command in root.walk()
        for option in command.options
        if option.value and (paths is None or option.is_path == paths)
        for name in option.names
    ]
    return sorted(set(found))


def _quoted(text: str) -> str:
    """In single quotes, as bash and zsh read them."""
    return "'" + text.replace("'", "'\\''") + "'"


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(f'"{word}"' if " " in word else word for word in words)


WALK = """\
        word=$WORD
        if [[ -n $skip ]]; then
            skip=
            continue
        fi
        case $word in
            {value_options}) skip=1 ;;
            -*) ;;
            *)
                case "${{command:+$command }}$word" in
                    {paths}) command="${{command:+$command }}$word" ;;
                esac
                ;;
        esac
"""
"""Finds the command that was typed so far; bash and zsh read it alike."""


def _bash(root: CommandEntry) -> str:
    cases = []
    for command in root.walk():
        words = " ".join(word for word, _help in _words(command, root))
        cases.append(f'        "{" ".join(command.words)}") words={_quoted(words)} ;;')
    walk = WALK.format(value_options=_alternatives(_value_options(root)), paths=_alternatives(_paths(root)))
    return f"""\
# Completion of migrate for bash. To install it: {INSTALL["bash"]}
_migrate() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} command= skip= word words= i
    for ((i = 1; i < COMP_CWORD; i++)); do
{walk.replace("$WORD", "${COMP_WORDS[i]}")}\
    done
    COMPREPLY=()
    case ${{COMP_WORDS[COMP_CWORD-1]}} in
        {_alternatives(_value_options(root))}) return ;;
    esac
    case $command in
{chr(10).join(cases)}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _migrate migrate
"""


def _zsh(root: CommandEntry) -> str:
    cases = []
    for command in root.walk():
        words = " ".join(
            _quoted(word.replace(":", "\\:") + (f":{help_text}" if help_text else ""))
            for word, help_text in _words(command, root)
        )
        cases.append(f'        "{" ".join(command.words)}") found=({words}) ;;')
    walk = WALK.format(value_options=_alternatives(_value_options(root)), paths=_alternatives(_paths(root)))
    return f"""\
#compdef migrate
# Completion of migrate for zsh. To install it: {INSTALL["zsh"]}
_migrate() {{
    local command= skip= word i
    local -a found
    for ((i = 2; i < CURRENT; i++)); do
{walk.replace("$WORD", "$words[i]")}\
    done
    case $words[CURRENT-1] in
        {_alternatives(_value_options(root))}) _files; return ;;
    esac
    case $command in
{chr(10).join(cases)}
    esac
    _describe migrate found
    [[ $PREFIX == -* ]] || _files
}}
if [[ $funcstack[1] == _migrate ]]; then
    _migrate "$@"
else
    compdef _migrate migrate
fi
"""


def _fish(root: CommandEntry) -> str:
    lines = []
    for command in root.walk():
        condition = f"-n '__migrate_at {_fish_word(' '.join(command.words))}'"
        for word, help_text in _words(command, root):
            described = f" -d {_fish_word(help_text)}" if help_text else ""
            if not word.startswith("--"):
                lines.append(f"complete -c migrate {condition} -a {word}{described}")
        for option in command.options:
            takes = " -r" + (" -F" if option.is_path else " -f") if option.value else ""
            for name in option.names:
                if name.startswith("--"):
                    described = f" -d {_fish_word(option.help)}"
                    lines.append(f"complete -c migrate {condition} -l {name[2:]}{takes}{described}")
    paths = " ".join(_fish_word(path) for path in _paths(root))
    return f"""\
# Completion of migrate for fish. To install it: {INSTALL["fish"]}
function __migrate_at
    set -l found
    set -l skip 0
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case {" ".join(_value_options(root))}
                set skip 1
            case '-*'
            case '*'
                contains -- (string join ' ' $found $word) {paths}
                and set found $found $word
        end
    end
    test "$found" = "$argv[1]"
end
{chr(10).join(lines)}
"""


def _fish_word(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("'", "\u2019") + '"'


def _powershell(root: CommandEntry) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    rows = []
    for command in root.walk():
        words = ", ".join(f"@({quoted(word)}, {quoted(text or word)})" for word, text in _words(command, root))
        rows.append(f"        {quoted(' '.join(command.words))} = @({words})")
    return f"""\
# Completion of migrate for PowerShell. To install it: {INSTALL["powershell"]}
Register-ArgumentCompleter -Native -CommandName migrate -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $known = @{{
{chr(10).join(rows)}
    }}
    $takesValue = @({", ".join(quoted(name) for name in _value_options(root))})
    $typed = @($commandAst.CommandElements | Where-Object {{ $_.Extent.EndOffset -lt $cursorPosition }} |
        ForEach-Object {{ $_.ToString() }} | Select-Object -Skip 1)
    $command = ''
    $skip = $false
    foreach ($word in $typed) {{
        if ($skip) {{ $skip = $false; continue }}
        if ($takesValue -contains $word) {{ $skip = $true; continue }}
        $longer = "$command $word".Trim()
        if (-not $word.StartsWith('-') -and $known.ContainsKey($longer)) {{ $command = $longer }}
    }}
    if ($skip) {{ return }}
    $known[$command] | Where-Object {{ $_[0] -like "$wordToComplete*" }} | ForEach-Object {{
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }}
}}
"""
