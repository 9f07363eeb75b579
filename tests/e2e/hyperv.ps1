# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
Confirms on a real Windows machine what the project's own tests can only show around Wine.

.DESCRIPTION
Prints one line a check: "ok", "FAILED" or "skipped", what was checked, and what was seen. The exit
status is the number of checks that failed. Works in folders and names of its own, and takes away
what it has made. doc/WINDOWS-CHECKLIST.md says what each check means.

Without -VM it needs a Windows 10 or 11 machine, or a Server, whose Hyper-V sockets are there (the
Hyper-V role, or the Virtual Machine Platform), but no virtual machine: it uses the loopback address
of AF_HYPERV. With -VM NAME also a running virtual machine in which guestlink-agent is installed and
whose key this host trusts. -Disturb allows what interrupts that machine: it is renamed and named back,
paused, saved, checkpointed, reverted, and at last turned off hard and started.

Run it in an elevated Windows PowerShell 5.1 or later; where scripts are not allowed, by
powershell -ExecutionPolicy Bypass -File .\hyperv.ps1 ...

.EXAMPLE
.\hyperv.ps1 -Programs 'C:\Users\me\guestlink'

.EXAMPLE
.\hyperv.ps1 -Programs 'C:\Program Files\guestlink-host' -VM 'Debian 12' -Disturb
#>
[CmdletBinding()]
param(
    # The folder with guestlink.exe and guestlink-hostd.exe.
    [Parameter(Mandatory)] [string] $Programs,
    # The folder with guestlink-agent.exe, if it is another one: without it, the checks of loopback and of the agent's
    # service are left out.
    [string] $Agent = $Programs,
    # A virtual machine with the agent in it; nothing of it is changed without -Disturb.
    [string] $VM,
    [switch] $Disturb
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

$script:failed = 0
$script:started = New-Object System.Collections.ArrayList
$folder = Join-Path ([IO.Path]::GetTempPath()) ('guestlink-check-' + [Guid]::NewGuid().ToString('N').Substring(0, 8))
$pipe = 'guestlink-check-' + [Guid]::NewGuid().ToString('N').Substring(0, 8)
$port = 50741
$services = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Virtualization\GuestCommunicationServices'
$cli = Join-Path $Programs 'guestlink.exe'
$hostd = Join-Path $Programs 'guestlink-hostd.exe'
$agentProgram = Join-Path $Agent 'guestlink-agent.exe'
$hasAgent = Test-Path -LiteralPath $agentProgram
$states = 'hostd', 'agent' | ForEach-Object { Join-Path $env:ProgramData "guestlink\$_" }
$statesBefore = @($states | Where-Object { Test-Path -LiteralPath $_ })

# ---------------------------------------------------------------------------------- reporting

# A check's block returns what was seen, throws when it is wrong, and begins with 'skip: ' when it
# cannot be done here. It sees the variables of here over those of where it was written (scopes are
# dynamic), hence their names.
function Check([string] $checkName, [scriptblock] $checkBlock) {
    try {
        $checkSeen = [string] (& $checkBlock | Select-Object -Last 1)
        if ($checkSeen.StartsWith('skip: ')) {
            Write-Output ('skipped  {0}: {1}' -f $checkName, $checkSeen.Substring(6))
        } else {
            Write-Output ('ok       {0}: {1}' -f $checkName, $checkSeen)
        }
    } catch {
        $script:failed++
        Write-Output ('FAILED   {0}: {1}' -f $checkName, $_.Exception.Message)
    }
}

function Expect([bool] $condition, [string] $what) {
    if (-not $condition) { throw $what }
}

# ---------------------------------------------------------------------------------- programs

function Start-Daemon([string] $program, [string[]] $words, [string] $log) {
    $quoted = $words | ForEach-Object { if ($_ -match '[\s"]') { '"' + $_ + '"' } else { $_ } }
    $process = Start-Process -FilePath $program -ArgumentList $quoted -PassThru -WindowStyle Hidden `
        -RedirectStandardError (Join-Path $folder $log)
    [void] $process.Handle # without which ExitCode stays unknown
    [void] $script:started.Add($process)
    return $process
}

function Stop-Daemon($process) {
    if (-not $process.HasExited) { $process.Kill() }
    $process.WaitForExit(10000) | Out-Null
}

# Runs the command line; its status and both outputs.
function Guestlink([string[]] $words, [string] $control = $pipe) {
    $out = Join-Path $folder 'out.txt'
    $err = Join-Path $folder 'err.txt'
    $all = @('--control', "pipe:$control") + $words
    $quoted = $all | ForEach-Object { if ($_ -match '[\s"]') { '"' + $_ + '"' } else { $_ } }
    $process = Start-Process -FilePath $cli -ArgumentList $quoted -PassThru -NoNewWindow `
        -RedirectStandardOutput $out -RedirectStandardError $err
    [void] $process.Handle # without which ExitCode stays unknown
    if (-not $process.WaitForExit(600000)) {
        $process.Kill()
        throw "guestlink $($words -join ' '): not done within ten minutes"
    }
    return [pscustomobject] @{
        Status = $process.ExitCode
        Out = [IO.File]::ReadAllText($out)
        Err = [IO.File]::ReadAllText($err)
    }
}

# The same holds for the condition.
function Wait-Until([scriptblock] $waitCondition, [int] $waitSeconds, [string] $waitWhat) {
    $waitEnd = (Get-Date).AddSeconds($waitSeconds)
    while (-not (& $waitCondition)) {
        if ((Get-Date) -gt $waitEnd) { throw "not within $waitSeconds s: $waitWhat" }
        Start-Sleep -Milliseconds 200
    }
}

function Digest([string] $path) { (Get-FileHash -Algorithm SHA256 -LiteralPath $path).Hash }

function New-Garbage([string] $path, [int] $megabytes) {
    $bytes = New-Object byte[] (1MB)
    $random = New-Object Random 7
    $stream = [IO.File]::Create($path)
    for ($i = 0; $i -lt $megabytes; $i++) { $random.NextBytes($bytes); $stream.Write($bytes, 0, $bytes.Length) }
    $stream.Close()
}

# ---------------------------------------------------------------------------------- the checks

# What a guest on the far side of `name` must be able to do.
function Check-Spine([string] $label, [string] $name, [string] $control) {
    $linux = (Guestlink @('--json', 'info', $name) $control).Out -match '"system": *"linux"'
    $seven = @('cmd', '/c', 'echo hello & exit 7')
    $much = @('powershell', '-NoProfile', '-Command',
        '$o=[Console]::OpenStandardOutput();$b=New-Object byte[] 1048576;1..100|%{$o.Write($b,0,$b.Length)}')
    $there = 'C:/Windows/Temp/guestlink-check-garbage'
    $remove = @('cmd', '/c', 'del', 'C:\Windows\Temp\guestlink-check-garbage')
    if ($linux) {
        $seven = @('sh', '-c', 'echo hello; exit 7')
        $much = @('head', '-c', '104857600', '/dev/zero')
        $there = '/var/tmp/guestlink-check-garbage'
        $remove = @('rm', $there)
    }
    Check "$label exec" {
        $r = Guestlink (@('exec', $name, '--') + $seven) $control
        Expect ($r.Status -eq 7) "status $($r.Status), $($r.Err)"
        Expect ($r.Out.Trim() -eq 'hello') "output '$($r.Out)'"
        'output and status 7'
    }
    Check "$label exec, 100 MB of output" {
        $r = Guestlink (@('exec', $name, '--') + $much) $control
        Expect ($r.Status -eq 0) "status $($r.Status), $($r.Err)"
        $size = (Get-Item (Join-Path $folder 'out.txt')).Length
        Expect ($size -eq 104857600) "$size bytes"
        "$size bytes"
    }
    Check "$label cp there and back" {
        $from = Join-Path $folder 'garbage'
        $back = Join-Path $folder ('back-' + $label.Replace('/', '-'))
        if (-not (Test-Path $from)) { New-Garbage $from 256 }
        try {
            $r = Guestlink @('cp', '--quiet', $from, "${name}:$there") $control
            Expect ($r.Status -eq 0) $r.Err
            $r = Guestlink @('cp', '--quiet', "${name}:$there", $back) $control
            Expect ($r.Status -eq 0) $r.Err
        } finally {
            $removed = Guestlink (@('exec', $name, '--') + $remove) $control
        }
        Expect ($removed.Status -eq 0) $removed.Err
        Expect ((Digest $from) -eq (Digest $back)) 'the digests differ'
        '256 MB, digests equal'
    }
    Check "$label ping" {
        $r = Guestlink @('ping', $name, '-c', '20') $control
        Expect ($r.Status -eq 0) $r.Err
        ($r.Out.Trim() -split "`n")[-1].Trim()
    }
}

function Check-Loopback([string] $driver) {
    $state = Join-Path $folder "state-$driver"
    $config = Join-Path $folder "$driver.conf"
    Set-Content -LiteralPath $config -Value "hvsock-driver = $driver", 'allow-loopback = true' -Encoding Ascii
    $control = "$pipe-$driver"
    $daemon = Start-Daemon $hostd @('--listen', "hvsock:loopback:$port,name=here", '--control', "pipe:$control",
        '--state', "$state-host", '--config', $config) "hostd-$driver.log"
    $guest = Start-Daemon $agentProgram @('--connect', "hvsock:loopback:$port", '--state', "$state-guest",
        '--config', $config) "agent-$driver.log"
    Check "loopback/$driver connected" {
        $r = Guestlink @('wait', 'here', '--for', 'connected', '--timeout', '30') $control
        Expect ($r.Status -eq 0) ($r.Err + (Get-Content -Raw (Join-Path $folder "agent-$driver.log")))
        'within 30 s'
    }
    Check-Spine "loopback/$driver" 'here' $control
    Stop-Daemon $guest
    Stop-Daemon $daemon
}

function Check-Pipe {
    # The port that guests connect to may be a service's.
    $daemon = Start-Daemon $hostd @('--listen', "pipe:$pipe-guests", '--control', "pipe:$pipe",
        '--state', (Join-Path $folder 'state-pipe')) 'hostd-pipe.log'
    Check 'control pipe answers' {
        Wait-Until { (Guestlink @('ls')).Status -eq 0 } 20 'ls'
        'ls: 0'
    }
    Check 'control pipe, who may' {
        $client = New-Object IO.Pipes.NamedPipeClientStream('.', $pipe, 'InOut')
        $client.Connect(5000)
        # A method in Windows PowerShell, an extension of its class in later ones.
        $security = if ($client.PSObject.Methods['GetAccessControl']) { $client.GetAccessControl() }
        else { [IO.Pipes.PipesAclExtensions]::GetAccessControl($client) }
        $sddl = $security.GetSecurityDescriptorSddlForm('All')
        $client.Dispose()
        Expect ($sddl -notmatch ';;;(WD|AN|BU|AU|IU)\)') "others may: $sddl"
        Expect ($sddl -match 'S-1-5-32-578|;;;HA\)') "Hyper-V Administrators may not: $sddl"
        $sddl
    }
    Check 'control pipe, a second first instance' {
        try {
            $second = New-Object IO.Pipes.NamedPipeServerStream($pipe, 'InOut', 10)
            $second.Dispose()
        } catch { return "refused: $($_.Exception.InnerException.Message)" }
        throw 'somebody else could make an instance'
    }
    Check 'control pipe, from the network' {
        $remote = New-Object IO.Pipes.NamedPipeClientStream($env:COMPUTERNAME, $pipe, 'InOut')
        try { $remote.Connect(3000) } catch { return 'refused' }
        $remote.Dispose()
        throw 'a client came in by \\COMPUTER\pipe'
    }
    Stop-Daemon $daemon
    Check 'control pipe, a squatted name' {
        $squatter = New-Object IO.Pipes.NamedPipeServerStream("$pipe-squat", 'InOut', 10)
        $late = Start-Daemon $hostd @('--listen', "pipe:$pipe-squat-guests", '--control', "pipe:$pipe-squat",
            '--state', (Join-Path $folder 'state-squat')) 'hostd-squat.log'
        $ended = $late.WaitForExit(15000)
        $squatter.Dispose()
        Stop-Daemon $late
        Expect $ended 'the daemon runs on beside the squatter'
        Expect ($late.ExitCode -ne 0) 'the daemon ended with 0'
        (Get-Content (Join-Path $folder 'hostd-squat.log') | Select-Object -Last 1)
    }
}

function Check-Service([string] $program, [string] $name) {
    if (Get-Service $name -ErrorAction SilentlyContinue) {
        Check "service $name" { 'skip: it is installed already; its own is not touched' }
        return
    }
    try {
        Check "service $name installs and starts" {
            & $program install
            Expect ($LASTEXITCODE -eq 0) "install: $LASTEXITCODE"
            & $program start
            Expect ($LASTEXITCODE -eq 0) "start: $LASTEXITCODE"
            (& $program status)
        }
        if ($name -eq 'guestlink-hostd') {
            Check "service $name has its port registered" {
                $element = (Get-ItemProperty (Join-Path $services '000003ef-facb-11e6-bd58-64006a7986d3')).ElementName
                Expect ([bool] $element) 'no ElementName'
                "port 1007, '$element'"
            }
        }
        Check "service $name privileges" {
            $text = (& sc.exe qprivs $name) -join ' '
            Expect ($LASTEXITCODE -eq 0) $text
            Expect ($text -match 'Privilege') "none is required, so it has all: $text"
            Expect ($text -notmatch 'SeDebugPrivilege|SeLoadDriverPrivilege') $text
            ($text -replace '\s+', ' ')
        }
        Check "service $name comes back after it is killed" {
            $old = (Get-CimInstance Win32_Service -Filter "Name='$name'").ProcessId
            Stop-Process -Id $old -Force
            Wait-Until {
                $now = (Get-CimInstance Win32_Service -Filter "Name='$name'").ProcessId
                $now -ne 0 -and $now -ne $old
            } 30 'another process'
            'restarted'
        }
        Check "service $name writes to the event log" {
            $event = Get-WinEvent -FilterHashtable @{LogName = 'Application'; ProviderName = $name} -MaxEvents 1
            Expect ($event.Message -match 'guestlink') "message '$($event.Message)'"
            $event.Message
        }
        Check "service $name state folder" {
            $leaf = if ($name -eq 'guestlink-hostd') { 'hostd' } else { 'agent' }
            $sddl = (Get-Acl (Join-Path $env:ProgramData "guestlink\$leaf")).Sddl
            Expect ($sddl -match 'D:P') "not protected: $sddl"
            Expect ($sddl -notmatch ';;;(WD|BU|AU|IU)\)') "others may: $sddl"
            $sddl
        }
    } finally {
        Check "service $name stops and goes" {
            & $program stop
            Expect ($LASTEXITCODE -eq 0) "stop: $LASTEXITCODE"
            & $program uninstall
            Expect ($LASTEXITCODE -eq 0) "uninstall: $LASTEXITCODE"
            Expect (-not (Get-Service $name -ErrorAction SilentlyContinue)) 'it is still there'
            'gone'
        }
    }
}

function Check-Registration {
    Check 'service register, list, unregister' {
        $r = Guestlink @('service', 'register', '--port', "$port", 'guestlink check')
        Expect ($r.Status -eq 0) $r.Err
        $key = Join-Path $services ('{0:x8}-facb-11e6-bd58-64006a7986d3' -f $port)
        Expect ((Get-ItemProperty $key).ElementName -eq 'guestlink check') 'no ElementName'
        $list = Guestlink @('service', 'list')
        Expect ($list.Out -match 'guestlink check') 'list does not show it'
        $r = Guestlink @('service', 'unregister', ('{0:x8}-facb-11e6-bd58-64006a7986d3' -f $port))
        Expect ($r.Status -eq 0) $r.Err
        Expect (-not (Test-Path $key)) 'it is still there'
        # The loopback checks need it once more.
        $r = Guestlink @('service', 'register', '--port', "$port", 'guestlink check')
        Expect ($r.Status -eq 0) $r.Err
        'there, listed, gone, there again'
    }
}

function Check-Console {
    Check 'exec -t (ConPTY)' { 'skip: by eye; see doc/WINDOWS-CHECKLIST.md' }
}

# What `guestlink ls` says of all guests, or of one; nothing: it is not there.
function Get-Guests([string] $control) {
    ((Guestlink @('--json', 'ls') $control).Out | ConvertFrom-Json).guests
}

function Get-Guest([string] $name, [string] $control) {
    Get-Guests $control | Where-Object { $_.name -ceq $name }
}

# The command line in the background; what it writes, then its status. Its notices are not wanted:
# a job makes errors of them.
function Start-Guestlink([string[]] $words) {
    Start-Job {
        $program, $words = $args
        & $program --control pipe:guestlink-control @words 2>$null
        $LASTEXITCODE
    } -ArgumentList (@($cli) + $words)
}

function Receive-Guestlink($job) {
    if (-not (Wait-Job $job -Timeout 300)) {
        Stop-Job $job
        throw 'not done within five minutes'
    }
    Receive-Job $job
}

function Check-VirtualMachine {
    $control = 'guestlink-control'
    $id = (Get-VM -Name $VM).Id.ToString()
    Check 'the virtual machine is listed' {
        Wait-Until { (Get-Guest $VM $control) } 15 "'$VM' in guestlink ls"
        $guest = Get-Guest $VM $control
        Expect ($guest.vm -eq $id) "its id is $($guest.vm), not $id"
        Expect ($guest.machine -eq 'running') "its machine is $($guest.machine)"
        "by its name, id $id"
    }
    Check 'all virtual machines are listed, with an agent or without' {
        # Those that came by other ways than Hyper-V's have no `vm`.
        $known = @(Get-Guests $control | Where-Object { $_.PSObject.Properties['vm'] } | ForEach-Object { $_.vm })
        $missing = @(Get-VM | Where-Object { $known -notcontains $_.Id.ToString() } | ForEach-Object { $_.Name })
        Expect ($missing.Count -eq 0) "missing: $($missing -join ', ')"
        "$($known.Count)"
    }
    Check-Spine 'vm' $VM $control
    if (-not $Disturb) {
        Check 'the virtual machine is disturbed' { 'skip: only with -Disturb' }
        return
    }
    Check 'renamed, with spaces and signs' {
        $other = "$VM (guestlink's check) 2"
        try {
            Rename-VM -Name $VM -NewName $other
            Wait-Until { (Get-Guest $other $control) } 30 "'$other' in guestlink ls"
            Expect ((Get-Guest $other $control).vm -eq $id) 'another id'
            $r = Guestlink @('exec', $other, '--', 'hostname') $control
            Expect ($r.Status -eq 0) $r.Err
            $r = Guestlink @('exec', $VM, '--', 'hostname') $control
            Expect ($r.Status -eq 125) "by the old name: status $($r.Status)"
            $r = Guestlink @('rename', $other, 'mine') $control
            Expect ($r.Status -eq 1) "guestlink rename: status $($r.Status)"
        } finally {
            Rename-VM -Name $other -NewName $VM
        }
        Wait-Until { (Get-Guest $VM $control) } 30 "'$VM' in guestlink ls again"
        'followed, there and back'
    }
    $words = @('exec', $VM, '--', 'powershell', '-NoProfile', '-Command', '1..60|%{$_;sleep 1}')
    if ((Guestlink @('--json', 'info', $VM) $control).Out -match '"linux"') {
        $words = @('exec', $VM, '--', 'sh', '-c', 'for i in $(seq 60); do echo $i; sleep 1; done')
    }
    Check 'paused for 40 s in the middle of an exec' {
        $job = Start-Guestlink $words
        Start-Sleep 5; Suspend-VM -Name $VM
        try { Start-Sleep 40 } finally { Resume-VM -Name $VM }
        $lines = @(Receive-Guestlink $job)
        Expect (($lines -join ',') -eq (((1..60) + 0) -join ',')) ($lines -join ',')
        'all 60 lines, once each'
    }
    Check 'saved and started in the middle of an exec' {
        $job = Start-Guestlink $words
        Start-Sleep 5; Save-VM -Name $VM; Start-VM -Name $VM
        $lines = @(Receive-Guestlink $job)
        Expect (($lines -join ',') -eq (((1..60) + 0) -join ',')) ($lines -join ',')
        'all 60 lines, once each'
    }
    Check 'reverted to a checkpoint in the middle of an exec' {
        # One with its memory; what is usual ('Production') boots the machine anew.
        $kind = (Get-VM -Name $VM).CheckpointType
        Set-VM -Name $VM -CheckpointType Standard
        try {
            $job = Start-Guestlink $words
            Start-Sleep 5; Checkpoint-VM -Name $VM -SnapshotName guestlink-check; Start-Sleep 5
            Restore-VMSnapshot -VMName $VM -Name guestlink-check -Confirm:$false
            if ((Get-VM -Name $VM).State -ne 'Running') { Start-VM -Name $VM }
            $lines = @(Receive-Guestlink $job)
        } finally {
            Remove-VMSnapshot -VMName $VM -Name guestlink-check -ErrorAction SilentlyContinue
            Set-VM -Name $VM -CheckpointType $kind
        }
        Expect ($lines[-1] -eq 125) "status $($lines[-1]): it was resumed, or hangs"
        $r = Guestlink @('wait', $VM, '--for', 'connected', '--timeout', '60') $control
        Expect ($r.Status -eq 0) $r.Err
        'the exec ended with 125, a fresh session came'
    }
    Check 'turned off' {
        Stop-VM -Name $VM -TurnOff -Force
        Wait-Until { (Get-Guest $VM $control).state -ne 'connected' } 30 'not connected'
        Start-VM -Name $VM
        'seen within 30 s'
    }
}

# ---------------------------------------------------------------------------------- in order

foreach ($program in $cli, $hostd) {
    if (-not (Test-Path -LiteralPath $program)) { Write-Error "$program is missing" }
}
$principal = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Error 'run this elevated: services and the registry need it'
}

New-Item -ItemType Directory $folder | Out-Null
try {
    Check-Registration
    if ($hasAgent) {
        Check-Loopback 'overlapped'
        Check-Loopback 'libuv'
    } else {
        Check 'loopback' { "skip: no guestlink-agent.exe in $Agent" }
    }
    Check-Pipe
    Check-Service $hostd 'guestlink-hostd'
    if ($hasAgent) { Check-Service $agentProgram 'guestlink-agent' }
    Check-Console
    if ($VM) { Check-VirtualMachine } else { Check 'a virtual machine' { 'skip: none was named by -VM' } }
} finally {
    foreach ($process in $script:started) { Stop-Daemon $process }
    & $cli service unregister ('{0:x8}-facb-11e6-bd58-64006a7986d3' -f $port) | Out-Null
    Remove-Item -Recurse -Force $folder -ErrorAction SilentlyContinue
    # Keys of services that were here for a minute only must not become an installation's.
    $states | Where-Object { $statesBefore -notcontains $_ } |
        ForEach-Object { Remove-Item -Recurse -Force -LiteralPath $_ -ErrorAction SilentlyContinue }
}
exit $script:failed
