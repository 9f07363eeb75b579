#compdef guestlink
# SPDX-License-Identifier: MIT
#
# zsh completion for guestlink. Commands and options come from --help, guests from 'ls', paths in a guest from the guest. What a
# guest says is data: it only ever goes to compadd, which quotes it.

_guestlink_run() {
    "${gl_program[@]}" "$@" 2>/dev/null </dev/null
}

# 'option description' of each; a command's or the program's.
_guestlink_options() {
    local line head text option
    local -a found
    for line in ${(f)"$(_guestlink_run "$@" --help)"}; do
        [[ $line == '  -'* ]] || continue
        head=${${line#  }%%  *}
        text=${${line#  $head}##[[:space:]]#}
        for option in ${=head//,/}; do
            [[ $option == -* ]] && found+=("$option:$text")
        done
    done
    found+=('--help:what it does')
    _describe -o 'option' found
}

# The values that follow an option of a command: SEC for one that is free to choose, else the words (--for ready).
_guestlink_values() {
    local line head
    for line in ${(f)"$(_guestlink_run "$2" --help)"}; do
        [[ $line == '  -'* ]] || continue
        head=${${line#  }%%  *}
        head=${head//,/}
        [[ " $head " == *" $1 "* && ${head##* } != -* ]] && print -r -- ${head##* }
    done
}

# Whether the value of an option, or of the last of several short ones, is the next word; gl_option is that option.
_guestlink_takes_next() {
    local i
    gl_option=$1
    case $1 in
    --control) return 0 ;;
    --*=*) return 1 ;;
    --*)
        [[ -n $(_guestlink_values "$1" "$2") ]]
        return
        ;;
    esac
    for (( i = 2; i <= $#1; i++ )); do
        gl_option=-${1[i]}
        if [[ -n $(_guestlink_values "$gl_option" "$2") ]]; then
            (( i == $#1 ))
            return
        fi
    done
    return 1
}

_guestlink_commands() {
    local line
    local -a found
    for line in ${(f)"$(_guestlink_run --help)"}; do
        [[ $line == '  '[a-z]##' '##[A-Z]* ]] && found+=("${${line#  }%% *}:${line##  [a-z]## ##}")
    done
    _describe 'command' found
}

_guestlink_guests() {
    local -a found
    found=(${(f)"$(_guestlink_run --json ls | grep -o '"name":"[A-Za-z0-9._-]*"' | cut -d '"' -f 4)"})
    (( $#found )) && _wanted guests expl 'guest' compadd "$@" -a found
}

_guestlink_guest_path() {
    local guest=${(Q)PREFIX%%:*} name script folder=''
    local -a files folders
    [[ $guest == [A-Za-z0-9][A-Za-z0-9._-]## ]] || return 1
    compset -P 1 '*:'
    [[ $PREFIX == */* ]] && folder=${(Q)PREFIX%/*}/ && compset -P '*/'
    script='cd -- "${1:-.}" || exit
        for f in "$2"*; do
            if [ "$f" = . ] || [ "$f" = .. ]; then continue; fi
            if [ -d "$f" ]; then printf "%s/\0" "$f"
            elif [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"
            fi
        done'
    for name in ${(0)"$(_guestlink_run exec --timeout 2 "$guest" -- sh -c "$script" sh "$folder" "${(Q)PREFIX}")"}; do
        # What would move the cursor about, or end the line.
        [[ -z $name || $name == *[[:cntrl:]]* ]] && continue
        if [[ $name == */ ]]; then folders+=("${name%/}"); else files+=("$name"); fi
    done
    (( $#folders )) && compadd -S / -q -a folders
    (( $#files )) && compadd -a files
    (( $#folders + $#files ))
}

_guestlink_either_path() {
    if [[ $PREFIX == [^/.~]*:* && ${PREFIX%%:*} != */* ]]; then
        _guestlink_guest_path
        return
    fi
    local found=1
    [[ $PREFIX == */* ]] || { _guestlink_guests -S : && found=0 }
    _files && found=0
    return found
}

_guestlink() {
    setopt localoptions extendedglob
    local command='' word expl gl_option i=2
    local -a gl_program rest place given
    gl_program=(${(Q)words[1]})
    whence -p -- $gl_program[1] >/dev/null || gl_program=(guestlink)

    while (( i < CURRENT )); do
        word=${(Q)words[i]}
        case $word in
        --control)
            gl_program+=("$word" "${(Q)words[i+1]}")
            (( i++ ))
            ;;
        --control=*) gl_program+=("$word") ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
        (( i++ ))
    done
    if [[ -z $command ]]; then
        if [[ ${(Q)words[CURRENT-1]} == --control ]]; then
            _files
        elif [[ $PREFIX == -* ]]; then
            _guestlink_options
        else
            _guestlink_commands
        fi
        return
    fi

    # Words of the command that are no options, up to the one that is completed; what follows -- is none of ours.
    (( i++ ))
    while (( i < CURRENT )); do
        word=${(Q)words[i]}
        case $word in
        --) return 1 ;;
        --control=*) gl_program+=("$word") ;;
        -?*)
            if _guestlink_takes_next "$word" "$command"; then
                (( i++ ))
                [[ $word == --control && i -lt CURRENT ]] && gl_program+=("$word" "${(Q)words[i]}")
            fi
            ;;
        *)
            place+=("$word")
            [[ $command == exec ]] && return 1 # the guest's program and what is its own
            ;;
        esac
        (( i++ ))
    done
    if (( i > CURRENT )); then
        if [[ ${(Q)words[CURRENT-1]} == --control ]]; then
            _files
            return
        fi
        given=(${(M)${(f)"$(_guestlink_values "$gl_option" "$command")"}:#[a-z]*})
        (( $#given )) && compadd -a given
        return
    fi
    if [[ $PREFIX == -* ]]; then
        # A command's own command has its options in the usage only.
        [[ "$command $place" == 'trust site '(init|join) ]] && compadd -- --force
        _guestlink_options "$command"
        return
    fi
    case $command:$#place:${place[1]-} in
    cp:*) _guestlink_either_path ;;
    trust:0:) compadd ls accept revoke site ;;
    trust:1:site) compadd init export join ;;
    trust:2:site) [[ $place[2] == init ]] || _files ;;
    service:0:) compadd register list unregister ;;
    service:*) ;;
    trust:1:accept | trust:1:revoke | *:0:)
        # Which commands want a guest first is in their usage.
        [[ ${"$(_guestlink_run "$command" --help)"%%$'\n'*} == *GUEST* ]] && _guestlink_guests
        ;;
    esac
}

# Loaded from fpath it is the function itself; sourced, it is bound.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _guestlink "$@"
else
    compdef _guestlink guestlink
fi
