# Completions of headroom for elvish, made by `just completions`.
# In rc.elv: eval (slurp < /where/this/is/headroom.elv)
use str
set edit:completion:arg-completer[headroom] = {|@words|
  var at = (- (count $words) 1)
  try {
    headroom __complete $at $@words 2>/dev/null | from-lines | each {|line|
      if (or (eq $line ':files') (eq $line ':folders')) {
        edit:complete-filename $words[-1]
      } else {
        var value @meaning = (str:split "\t" $line)
        if (eq $meaning []) {
          put $value
        } else {
          edit:complex-candidate $value &display=$value' ('$meaning[0]')'
        }
      }
    }
  } catch e { }
}
