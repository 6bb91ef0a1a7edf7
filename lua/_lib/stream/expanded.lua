-- `expanded(value)`: the locations of a place (places.lua) with each entry of a run by itself. A run of which nothing left yet is stored as
-- one location, `r<position>/1:<number of entries>`.
local function expanded(value)
  if not value or not string.find(value, ':', 1, true) then
    return value
  end
  return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
    local all = {}
    for nth = tonumber(first), tonumber(last) do
      all[#all + 1] = run .. nth
    end
    return table.concat(all, ' ')
  end))
end
