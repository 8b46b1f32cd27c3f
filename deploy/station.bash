# Completion of `station` for bash: what its own --help lists at this place, else files.
_station() {
    local word=${COMP_WORDS[COMP_CWORD]} help
    local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}") said=()
    while [ ${#before[@]} -gt 0 ] && [[ ${before[-1]} == -* ]]; do unset 'before[-1]'; done
    help=$(station "${before[@]}" --help 2>/dev/null)
    mapfile -t said < <(grep -oE '^  (-h, )?--[a-z-]+|^  [a-z][a-z-]+  ' <<<"$help" | grep -oE -- '-{0,2}[a-z][a-z-]+')
    mapfile -t COMPREPLY < <(compgen -W "${said[*]}" -- "$word")
}
complete -o default -F _station station
