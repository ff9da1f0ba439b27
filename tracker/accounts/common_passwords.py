"""What people choose when they must choose a password: refused, with what they add at the end.

The shortest password has ten characters, so the words stand here without the digits and signs that
people hang on them to get there. Source of the rule: OWASP ASVS 5.0, 6.2.4; the words are those of
public lists of leaked passwords, and their Vietnamese counterparts.
"""

from __future__ import annotations

_WORDS = """
abc abcabc abcd abcde abcdef abcdefgh abcxyz access account admin adminadmin administrator
admins amazing america andrew angel apple asdf asdfasdf asdfgh asdfghj asdfghjk asdfghjkl
asdfghjkl; ashley attack august autumn azerty bailey banana baseball basketball batman beautiful
billgates blink butterfly canon cat changeme charlie cheese chelsea chocolate computer cookie
corvette daniel december default demo diamond dragon eagle elephant everton facebook family
february flower football forever freedom friend friends gfhjkm google guest hannah happy harley
hello hellohello hockey hunter iloveu iloveyou iloveyouforever internet january jennifer jessica
jordan joshua killer letmein letmeinnow liverpool login loveme lovely loveyou manager master
matrix matthew maverick melissa merlin michael michelle microsoft monkey mustang mypassword
naruto nicole november october office orange p@ssw0rd p@ssword pass passpass passw0rd password
passwordpassword passwords pa$$word pa$$w0rd pepper phoenix pikachu pokemon princess purple
qazwsx qazwsxedc qwer qwert qwerty qwertyqwerty qwertyui qwertyuiop qweasd qweasdzxc ranger root
rootroot samsung secret secure server service shadow silver snoopy soccer spring starwars summer
sunshine superman support system tester testing testtest test thomas thunder tiger tinkerbell
trustno trustnoone user username welcome welcomewelcome whatever william winter yankees zaqwsx
zxcv zxcvbn zxcvbnm
anhnhoem anhyeuem baoan baomat bimat bongda buudien cachhanh caicach caicachhanhchinh canbo cchc
chaoban chinhphu chuyenvien chucnang congan congchuc congvan congviec cuocsong daihoc dangcong
dangnhap danang diadanh dieuphoi doimatkhau dulieu emyeuanh giadinh hanhchinh hanhphuc hanoi
hanoivietnam hatinh hochiminh hoang hoilamgi huyen khongbiet khongco khongdoi khongquen laptrinh
lanhdao maimaiyeuem matkhau matkhaumoi matkhaumatkhau maytinh mothaiba motcua motcualienthong
muaxuan muahe muathu muadong nghean nguoidung nguyen nguyenvan nhanvien noivu phapluat phuong
quanly quantri quantrivien quangninh quenmatkhau quochoi saigon sonoivu tainguyen tamthoi tpchm
tphcm thanhhoa thanhpho theodoi theodoicchc thudo thudohanoi thutuc tinhyeu toiyeuvietnam
truongphong tuoitre ubnd ubndhuyen ubndphuong ubndtinh ubndxa uyban uybannhandan vanphong
vanthu vietnam vietnamvodich vinhchau xinchao yeuanh yeuem yeuemmaimai yeuemnhieulam yeunuoc
"""

COMMON = frozenset(_WORDS.split())

# Rows of keys and of the alphabet; a stretch of one, forwards or backwards, is no password.
ROWS = ("01234567890123456789", "qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz")
