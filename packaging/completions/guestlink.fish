# SPDX-License-Identifier: MIT
#
# fish completion for guestlink. Commands and options come from --help, guests from 'ls', paths in a guest from the guest. What a
# guest says is data: fish quotes it.

# The words before the one that is completed, without the program: expanded, as it will get them.
function __guestlink_words
    set -l words (commandline -xpc 2>/dev/null; or commandline -opc)
    string join0 -- $words[2..]
end

# Runs the program with the --control that was typed, which __guestlink_complete finds.
function __guestlink_run
    command guestlink $__guestlink_control $argv 2>/dev/null </dev/null
end

function __guestlink_commands
    __guestlink_run --help | string match -rg '^  ([a-z][a-z-]*) +([A-Z].*)' | while read -l name
        read -l text
        printf '%s\t%s\n' $name $text
    end
end

function __guestlink_options
    __guestlink_run $argv --help | string match -rg '^  (-\S+(?:,? \S+)*)(?:  +(.*))?$' | while read -l head
        read -l text
        for option in (string split -n ' ' -- (string replace -a , '' -- $head))
            string match -q -- '-*' $option; and printf '%s\t%s\n' $option $text
        end
    end
    printf '%s\t%s\n' --help 'what it does'
end

# The values that follow an option of a command: SEC for one that is free to choose, else the words (--for ready).
function __guestlink_values -a option name
    for head in (__guestlink_run $name --help | string match -rg '^  (-\S+(?:,? \S+)*)')
        set -l words (string split -n ' ' -- (string replace -a , '' -- $head))
        if contains -- $option $words; and not string match -q -- '-*' $words[-1]
            echo $words[-1]
        end
    end
end

# The option whose value is the next word: this one, or the last of several short ones; else nothing.
function __guestlink_takes_next -a word name
    switch $word
        case --control
            echo -- $word
        case '--*=*'
        case '--*'
            test (count (__guestlink_values $word $name)) -gt 0; and echo -- $word
        case '*'
            set -l letters (string split '' -- (string sub -s 2 -- $word))
            for i in (seq (count $letters))
                if test (count (__guestlink_values -$letters[$i] $name)) -gt 0
                    test $i -eq (count $letters); and echo -- -$letters[$i]
                    return
                end
            end
    end
end

function __guestlink_guests
    __guestlink_run --json ls | string match -arg '"name":"([A-Za-z0-9._-]+)"'
end

function __guestlink_guest_path -a word
    set -l parts (string split -m 1 : -- $word)
    string match -qr '^[A-Za-z0-9][A-Za-z0-9._-]+$' -- $parts[1]; or return
    set -l folder (string match -r '^.*/' -- $parts[2])
    set -l base (string replace -r '^.*/' '' -- $parts[2])
    set -l script 'cd -- "${1:-.}" || exit
        for f in "$2"*; do
            if [ "$f" = . ] || [ "$f" = .. ]; then continue; fi
            if [ -d "$f" ]; then printf "%s/\0" "$f"
            elif [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"
            fi
        done'
    for name in (__guestlink_run exec --timeout 2 $parts[1] -- sh -c $script sh "$folder" "$base" | string split0)
        # What would move the cursor about, end the line, or begin a description.
        string match -qr '[[:cntrl:]]' -- $name; and continue
        printf '%s\n' "$parts[1]:$folder$name"
    end
end

function __guestlink_complete
    set -l cur (commandline -xct 2>/dev/null; or string unescape -- (commandline -ct); or commandline -ct)
    set -l words (__guestlink_words | string split0)
    set -g __guestlink_control
    # Options before the command.
    while set -q words[1]
        switch $words[1]
            case --control
                if not set -q words[2]
                    __fish_complete_path $cur
                    return
                end
                set __guestlink_control $words[1..2]
                set -e words[1..2]
            case '--control=*'
                set __guestlink_control $words[1]
                set -e words[1]
            case '-*'
                set -e words[1]
            case '*'
                break
        end
    end
    if not set -q words[1]
        if string match -q -- '-*' $cur
            __guestlink_options
        else
            __guestlink_commands
        end
        return
    end

    # Words of the command that are no options; what follows -- is none of ours.
    set -l name $words[1]
    set -l place
    set -l option
    set -l i 2
    while test $i -le (count $words)
        switch $words[$i]
            case --
                return
            case '--control=*'
                set __guestlink_control $words[$i]
            case '-?*'
                set option (__guestlink_takes_next $words[$i] $name)
                if set -q option[1]
                    set i (math $i + 1)
                    if string match -q -- --control $option; and test $i -le (count $words)
                        set __guestlink_control $option $words[$i]
                    end
                end
            case '*'
                set -a place $words[$i]
                test $name = exec; and return # the guest's program and what is its own
        end
        set i (math $i + 1)
    end
    if test $i -gt (math (count $words) + 1)
        if string match -q -- --control $option
            __fish_complete_path $cur
        else
            __guestlink_values $option $name | string match -r '^[a-z].*'
        end
        return
    end
    if string match -q -- '-*' $cur
        # A command's own command has its options in the usage only.
        contains -- "$name $place" 'trust site init' 'trust site join'; and echo --force
        __guestlink_options $name
        return
    end
    switch $name:(count $place):"$place[1]"
        case 'cp:*'
            if string match -qr '^[^/.~][^/]*:' -- $cur
                __guestlink_guest_path $cur
            else
                __guestlink_guests | string replace -r '$' :
                __fish_complete_path $cur
            end
        case trust:0:
            string join \n ls accept revoke site
        case trust:1:site
            string join \n init export join
        case trust:2:site
            test $place[2] = init; or __fish_complete_path $cur
        case service:0:
            string join \n register list unregister
        case 'service:*'
        case trust:1:accept trust:1:revoke '*:0:'
            # Which commands want a guest first is in their usage.
            set -l usage (__guestlink_run $name --help)
            string match -q '*GUEST*' -- $usage[1]; and __guestlink_guests
    end
end

complete -c guestlink -f -a '(__guestlink_complete)'
