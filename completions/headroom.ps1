# Completions of headroom for PowerShell, made by `just completions`. Dot-source this file in your $PROFILE.
# UNTESTED: there was no PowerShell where this was written. Please say what it does not do.
Register-ArgumentCompleter -Native -CommandName headroom -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    # A word that has not been begun is not handed over: an empty argument may get lost on the way.
    $at = if ($wordToComplete -eq '') { $words.Count } else { $words.Count - 1 }
    & headroom __complete $at @words 2>$null | Where-Object { $_ -and -not $_.StartsWith(':') } | ForEach-Object {
        $value, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $meaning)
    }
}
