-- `tagged(…)`: an entry's id as callers see it, `<epoch>-<offset>-<tag>`; `<epoch>-0` where no event can stand.
-- @include notifier/tag_of
local function tagged(entry)
  local id = entry[1]
  if string.sub(id, -2) == '-0' then
    return id
  end
  return id .. '-' .. (tag_of(entry) or '000000')
end
