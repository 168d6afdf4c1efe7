# Prints the words of a line after zsh has completed its last one, one a line: all that it offers there.
# Usage: zsh -f complete.zsh LINE DIRECTORY, a directory that the answer can be written to
zmodload zsh/zpty
local answer=$2/answer ready=$2/ready
rm -f $answer $ready
zpty shell zsh -f -i
zpty -w shell "PROMPT= RPROMPT=
autoload -Uz compinit && compinit -D -u
source <(netbind completion zsh)
zle -C all complete-word _generic
zstyle ':completion:all::::' completer _all_matches _complete
zstyle ':completion:all:*' insert yes
answer() { print -rl -- \"\${(@Q)\${(z)BUFFER}}\" > $answer.new; mv $answer.new $answer; exit }
zle -N answer
bindkey '^T' all
bindkey '^Y' answer
: > $ready"
while [[ ! -e $ready ]] sleep 0.05
zpty -w -n shell $1$'\C-t\C-y'
while [[ ! -e $answer ]] sleep 0.05
cat $answer
