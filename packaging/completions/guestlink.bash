# bash completion for guestlink                                    -*- shell-script -*-
# SPDX-License-Identifier: MIT
#
# Commands and options come from --help, guests from 'ls', paths in a guest from the guest. What a guest says is data: it is
# only ever put into COMPREPLY, quoted here. 'compopt -o filenames' would have readline quote, but not the $ and ` of names
# that are no files on this side, which the shell would then run.

# The words up to the cursor as guestlink will get them, in __gl_words; the last is the one that is completed. COMP_WORDS
# will not do: it is cut at colons, and quoted. __gl_quote is the quote that is open there, and
# __gl_home not empty if a ~ begins that word and no quote takes its meaning away.
__guestlink_words() {
    local line=${COMP_LINE:0:COMP_POINT} word='' quote='' began='' opened=0 i c
    __gl_words=()
    __gl_home=''
    __gl_break=0    # so much of the last word is in front of what readline replaces
    for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if [[ $quote == "'" ]]; then
            if [[ $c == "'" ]]; then quote=''; else word+=$c; fi
        elif [[ $quote == '"' ]]; then
            if [[ $c == '"' ]]; then
                quote=''
            elif [[ $c == \\ && (-z ${line:i+1:1} || ${line:i+1:1} == [\"\\\$\`]) ]]; then
                word+=${line:i+1:1}
                i=$((i + 1))
            else
                word+=$c
            fi
        elif [[ $c == [\'\"] ]]; then
            quote=$c began=1 opened=${#word}
        elif [[ $c == \\ ]]; then
            word+=${line:i+1:1} began=1
            i=$((i + 1))
        elif [[ $c == [$' \t'] ]]; then
            if [[ $began$word ]]; then __gl_words+=("$word"); fi
            word='' began='' __gl_break=0 __gl_home=''
        else
            if [[ $c == \~ && -z $began$word ]]; then __gl_home=1; fi
            word+=$c
            if [[ $COMP_WORDBREAKS == *"$c"* ]]; then __gl_break=${#word}; fi
        fi
    done
    if [[ $quote ]]; then __gl_break=$opened; fi
    __gl_quote=$quote
    __gl_words+=("$word")
}

# The program as it is being called, with its --control.
__guestlink_run() {
    "${__gl_program[@]}" "$@" 2>/dev/null </dev/null
}

# What stands before the descriptions in a help text: options, and the words for their values.
__guestlink_help() {
    __guestlink_run "$@" --help | sed -n '1d; s/^  \(-[^ ].*\)$/\1/p' | sed 's/   *.*//; s/,//g'
    echo --help
}

__guestlink_options() {
    __guestlink_help "$@" | tr ' ' '\n' | grep '^-'
}

# The values that follow an option of a command: SEC for one that is free to choose, else the words (`--for ready`).
__guestlink_values() {
    local line
    while read -r line; do
        if [[ " $line " == *" $1 "* && ${line##* } != -* ]]; then echo "${line##* }"; fi
    done < <(__guestlink_help "$2")
}

# Whether the value of an option, or of the last of several short ones, is the next word; __gl_option is that option.
__guestlink_takes_next() {
    local i
    __gl_option=$1
    case $1 in
    --control) return 0 ;;
    --*=*) return 1 ;;
    --*)
        [[ $(__guestlink_values "$1" "$2") ]]
        return
        ;;
    esac
    for ((i = 1; i < ${#1}; i++)); do
        __gl_option=-${1:i:1}
        if [[ $(__guestlink_values "$__gl_option" "$2") ]]; then
            ((i == ${#1} - 1))
            return
        fi
    done
    return 1
}

__guestlink_commands() {
    __guestlink_run --help | sed -n 's/^  \([a-z][a-z-]*\)  *[A-Z].*/\1/p'
}

__guestlink_guests() {
    __guestlink_run --json ls | grep -o '"name":"[A-Za-z0-9._-]*"' | cut -d '"' -f 4
}

# Names in a folder of a guest that begin so, with NUL after each; folders have a slash at the end.
__guestlink_ls() {
    # shellcheck disable=SC2016 # the guest's shell expands
    __guestlink_run exec --timeout 2 "$1" -- sh -c '
        cd -- "${1:-.}" || exit
        for f in "$2"*; do
            if [ "$f" = . ] || [ "$f" = .. ]; then continue; fi
            if [ -d "$f" ]; then printf "%s/\0" "$f"
            elif [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"
            fi
        done' sh "$2" "$3"
}

# Replies with those of the words given that begin as what is typed does.
__guestlink_reply() {
    local cur=$1 word
    shift
    for word in "$@"; do
        if [[ $word == "$cur"* ]]; then COMPREPLY+=("${word:__gl_break}"); fi
    done
}

# What readline has to put in for a word of any characters, as __gl_quoted.
__guestlink_quote() {
    local text=${1:__gl_break} special escaped
    case $__gl_quote in
    "'")
        escaped="'\\''"
        text=${text//"'"/"$escaped"}
        ;;
    '"')
        for special in \\ \" \$ \`; do
            escaped=\\$special
            text=${text//"$special"/"$escaped"}
        done
        escaped='"\!"' # within these quotes nothing takes its meaning away
        text=${text//"!"/"$escaped"}
        ;;
    *)
        if [[ $text == *[!a-zA-Z0-9_./:=@%+,-]* ]]; then
            for special in \\ ' ' \! \" \# \$ \& \' \( \) \* \; \< \> \? \[ \] ^ \` \{ \| \} \~; do
                escaped=\\$special
                text=${text//"$special"/"$escaped"}
            done
        fi
        if [[ $__gl_home && $__gl_break == 0 ]]; then text=${text#\\}; fi
        ;;
    esac
    # Of two quotes where the replaced text begins readline drops one.
    if [[ $__gl_quote && $text == "$__gl_quote"* ]]; then text=$__gl_quote$text; fi
    __gl_quoted=$text
}

# What all words given begin with, as __gl_common.
__guestlink_common() {
    local word
    __gl_common=${1-}
    for word in "$@"; do
        while [[ $word != "$__gl_common"* ]]; do __gl_common=${__gl_common%?}; done
    done
}

# Replies with words that hold any characters: guest:path, or files here. What ends in a slash or colon is typed on.
__guestlink_reply_quoted() {
    local word __gl_quoted __gl_common
    if [[ $COMP_TYPE == 42 ]]; then __gl_quote=''; fi # all are put in, for which readline takes the open quote out
    for word in "$@"; do
        __guestlink_quote "$word"
        if (($# > 1)) && [[ $COMP_TYPE == 63 ]]; then # only listed: the name will do
            word=${__gl_quoted%/}
            __gl_quoted=${word##*/}${__gl_quoted:${#word}}
        elif [[ $__gl_quote && $__gl_quoted == *"$__gl_quote" ]]; then
            __gl_quoted+=$__gl_quote # readline takes the last one for the closing one
        fi
        COMPREPLY+=("$__gl_quoted")
    done
    if (($# > 1)) && [[ $COMP_TYPE == @(9|33|64) ]]; then
        # What readline puts in is what all begin with, which must not end amid the quoting of a character. It may also list them.
        __guestlink_common "$@"
        __guestlink_quote "$__gl_common"
        __guestlink_common "${COMPREPLY[@]}"
        if [[ $__gl_common != "$__gl_quoted" ]]; then COMPREPLY+=("$__gl_quoted"); fi
    elif (($# == 1)) && [[ $1 == *[/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

__guestlink_guest_path() {
    local cur=$1 guest=${1%%:*} path=${1#*:} folder='' name
    local -a found=()
    [[ $guest =~ ^[A-Za-z0-9][A-Za-z0-9._-]+$ ]] || return
    [[ $path == */* ]] && folder=${path%/*}/
    while IFS= read -r -d '' name; do
        # What would move the cursor about, or end the line.
        if [[ $name != *[[:cntrl:]]* && $guest:$folder$name == "$cur"* ]]; then found+=("$guest:$folder$name"); fi
    done < <(__guestlink_ls "$guest" "$folder" "${path##*/}")
    __guestlink_reply_quoted "${found[@]}"
}

# Files here that begin so, in the array found. Those of a home are only meant when its name has ended: before that a file may
# have the name of a user.
__guestlink_find_local() {
    local name here=''
    if [[ $1 != */* ]]; then __gl_home=''; fi
    if [[ $1 == \~* && -z $__gl_home ]]; then here=./; fi # compgen knows homes, too
    while IFS= read -r name; do
        [[ $name == *[[:cntrl:]]* ]] && continue
        name=${name#"$here"}
        if [[ -d $here$name || ($__gl_home && $name == \~/* && -d $HOME/${name:2}) ]]; then name+=/; fi
        found+=("$name")
    done < <(compgen -f -- "$here$1")
}

__guestlink_local_path() {
    local -a found=()
    __guestlink_find_local "$1"
    __guestlink_reply_quoted "${found[@]}"
}

# A file here, or GUEST:PATH.
__guestlink_either_path() {
    local cur=$1 guest
    local -a found=()
    if [[ $cur == [!/.~]*:* && ${cur%%:*} != */* ]]; then
        __guestlink_guest_path "$cur"
        return
    fi
    if [[ $cur != [/.~]* && $cur != */* ]]; then
        while read -r guest; do
            if [[ $guest: == "$cur"* ]]; then found+=("$guest:"); fi
        done < <(__guestlink_guests)
    fi
    __guestlink_find_local "$cur"
    __guestlink_reply_quoted "${found[@]}"
}

_guestlink() {
    local __gl_words __gl_break __gl_quote __gl_home __gl_option __gl_program=("$1") cur prev command='' i word
    local -a rest=() given=()
    COMPREPLY=()
    __guestlink_words
    # A path with a tilde is the program's, too; what stands in front of it is not ours.
    for ((i = 0; i < ${#__gl_words[@]} - 1; i++)); do
        [[ ${__gl_words[i]} == "$1" ]] && break
    done
    type -P -- "$1" >/dev/null || __gl_program=(guestlink)
    rest=("${__gl_words[@]:i+1}")
    ((${#rest[@]})) || return
    cur=${rest[-1]} prev=''
    ((${#rest[@]} > 1)) && prev=${rest[-2]}

    # Options before the command.
    for ((i = 0; i < ${#rest[@]} - 1; i++)); do
        word=${rest[i]}
        case $word in
        --control) __gl_program+=("$word" "${rest[i + 1]-}") && ((++i)) ;;
        --control=*) __gl_program+=("$word") ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
    done
    if [[ -z $command ]]; then
        if [[ $prev == --control ]]; then
            __gl_program=("${__gl_program[0]}")
            __guestlink_local_path "$cur"
        elif [[ $cur == -* ]]; then
            mapfile -t given < <(__guestlink_options)
            __guestlink_reply "$cur" "${given[@]}"
        else
            mapfile -t given < <(__guestlink_commands)
            __guestlink_reply "$cur" "${given[@]}"
        fi
        return
    fi

    # Words of the command that are no options, up to the one that is completed; what follows -- is none of ours.
    rest=("${rest[@]:i+1}")
    local -a place=()
    for ((i = 0; i < ${#rest[@]} - 1; i++)); do
        word=${rest[i]}
        case $word in
        --) return ;;
        --control=*) __gl_program+=("$word") ;;
        -?*)
            __guestlink_takes_next "$word" "$command" || continue
            i=$((i + 1))
            if [[ $word == --control ]] && ((i < ${#rest[@]} - 1)); then __gl_program+=("$word" "${rest[i]}"); fi
            ;;
        *)
            place+=("$word")
            [[ $command != exec ]] || return # the guest's program and what is its own
            ;;
        esac
    done
    if ((i >= ${#rest[@]})); then
        if [[ $prev == --control ]]; then
            __guestlink_local_path "$cur"
            return
        fi
        mapfile -t given < <(__guestlink_values "$__gl_option" "$command" | grep '^[a-z]')
        __guestlink_reply "$cur" "${given[@]}"
        return
    fi
    if [[ $cur == -* ]]; then
        mapfile -t given < <(__guestlink_options "$command")
        # A command's own command has its options in the usage only.
        if [[ "$command ${place[*]}" == 'trust site '@(init|join) ]]; then given+=(--force); fi
        __guestlink_reply "$cur" "${given[@]}"
        return
    fi
    case $command:${#place[@]}:${place[0]-} in
    cp:*)
        __guestlink_either_path "$cur"
        ;;
    trust:0:) __guestlink_reply "$cur" ls accept revoke site ;;
    trust:1:site) __guestlink_reply "$cur" init export join ;;
    trust:2:site) [[ ${place[1]} == init ]] || __guestlink_local_path "$cur" ;;
    service:0:) __guestlink_reply "$cur" register list unregister ;;
    service:*) ;;
    trust:1:accept | trust:1:revoke | *:0:)
        # Which commands want a guest first is in their usage.
        if __guestlink_run "$command" --help | sed -n '1{/GUEST/p;}' | grep -q .; then
            mapfile -t given < <(__guestlink_guests)
            __guestlink_reply "$cur" "${given[@]}"
        fi
        ;;
    esac
}

complete -F _guestlink guestlink
