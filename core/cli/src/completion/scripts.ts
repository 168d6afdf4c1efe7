/** The shells that are completed for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The command that a shell asks, and its answer for files, which the shell knows better. */
export const ASKED = "__complete";
export const FILES = ":files";

// Bash cuts words at "=" too, and replaces what stands behind it only.
const BASH = `_netbind() {
  local words=() i line current
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if ((\${#words[@]})) && [[ \${COMP_WORDS[i]} == = || \${COMP_WORDS[i - 1]} == = ]]; then
      words[\${#words[@]} - 1]+=\${COMP_WORDS[i]}
    else
      words+=("\${COMP_WORDS[i]}")
    fi
  done
  current=\${words[\${#words[@]} - 1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r line _; do
    if [[ $line == ${FILES} ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${current#--*=}")
    elif [[ $current == --*=* ]]; then
      COMPREPLY+=("\${line#*=}")
    else
      COMPREPLY+=("$line")
    fi
  done < <(netbind ${ASKED} -- "\${words[@]}" 2> /dev/null)
}
complete -F _netbind netbind
`;

const ZSH = `#compdef netbind
_netbind() {
  local -a lines
  lines=("\${(@f)$(netbind ${ASKED} -- "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ \${lines[1]} == ${FILES} ]]; then
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    _files
  elif [[ -n \${lines[1]} ]]; then
    lines=("\${(@)lines//:/\\\\:}")
    lines=("\${(@)lines/$'\\t'/:}")
    _describe netbind lines
  fi
}
compdef _netbind netbind
`;

const FISH = `function __netbind_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines (netbind ${ASKED} -- $words[2..-1] "$current" 2> /dev/null)
  if test "$lines[1]" = "${FILES}"
    set -l option (string match -r '^--[^=]*=' -- "$current")
    __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current") | string replace -r -- '^' "$option"
  else
    printf '%s\\n' $lines
  end
end
complete -c netbind -f -a '(__netbind_complete)'
`;

/** What a shell reads to complete the command. */
export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
