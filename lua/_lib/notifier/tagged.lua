-- `tagged(entry)`: an entry's id for callers, `<epoch>-<offset>-<tag>`; `<epoch>-0` for an id that no event can have.
-- @include notifier/tag_of
local function tagged(entry)
  local id = entry[1]
  if string.sub(id, -2) == '-0' then
    return id
  end
  return id .. '-' .. (tag_of(entry) or '000000')
end
